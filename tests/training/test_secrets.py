from omegaconf import OmegaConf

from selfsup.training.secrets import hide, redact


def test_redact_hides_by_name_and_by_value_and_leaves_the_rest(monkeypatch):
    monkeypatch.setenv("MY_API_KEY", "canary-value")
    monkeypatch.setenv("SOME_TOKEN", "1")
    config = {"Api_Key": 3, "deep": [{"PASSWORD": "x", "url": "https://u:canary-value@host"}], "lr": 0.1, "n": "12"}
    assert redact(OmegaConf.create(config)) == {
        "Api_Key": "(hidden)",
        "deep": [{"PASSWORD": "(hidden)", "url": "https://u:(hidden)@host"}],
        "lr": 0.1,
        "n": "12",
    }


def test_a_short_secret_is_hidden_only_where_it_is_the_whole_text(monkeypatch):
    monkeypatch.setenv("SOME_TOKEN", "true")
    assert hide("true") == "(hidden)"
    assert hide("it is true") == "it is true"
