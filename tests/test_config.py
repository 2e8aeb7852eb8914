"""The gate in front of every object, and faults that teach."""

import pytest
from omegaconf import OmegaConf

from selfsup.config import build, build_all, validate
from selfsup.types import ConfigError
from selfsup.views.multiview import MultiView

RESNET = {
    "_target_": "selfsup.encoders.convnet.ConvNet",
    "model": "test_resnet",
    "channels": 3,
    "image_size_px": 32,
    "stem": "auto",
    "pretrained": False,
    "drop_path": 0.0,
}


def node(**values: object) -> OmegaConf:
    return OmegaConf.create(values)


def test_builds_what_the_node_says() -> None:
    assert build(node(**RESNET), "encoder").dim > 0


def test_optimizers_by_exact_name() -> None:
    import torch

    weight = torch.nn.Parameter(torch.zeros(2, 2))
    found = build(node(_target_="torch.optim.AdamW", lr=0.1), "optimizer", [{"params": [weight]}])
    assert found.param_groups[0]["lr"] == 0.1


@pytest.mark.promise("code")
@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("os.system", "not from a trusted package"),
        ("selfsup.config.importlib.import_module", "there is no module"),
        ("selfsup.config.OmegaConf", "is not a Encoder"),
        ("selfsup.objectives.ntxent.NTXent", "is not a Encoder"),
        ("selfsup.encoders.convnet.ConvNett", "did you mean `ConvNet`"),
        ("selfsup.encoders.nowhere.ConvNet", "no module"),
        ("torch.nn.Linear", "not from a trusted package"),
        ("torch.load", "not from a trusted package"),
    ],
)
def test_the_gate_refuses(target: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        build(node(**(RESNET | {"_target_": target})), "encoder")


@pytest.mark.promise("code")
def test_a_class_from_elsewhere_is_refused_under_a_name_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    import selfsup.encoders.convnet as home
    from selfsup.encoders.base import Encoder

    smuggled = type("Smuggled", (Encoder,), {"__module__": "elsewhere"})
    monkeypatch.setattr(home, "Smuggled", smuggled, raising=False)
    with pytest.raises(ConfigError, match="elsewhere"):
        build(node(**(RESNET | {"_target_": "selfsup.encoders.convnet.Smuggled"})), "encoder")


@pytest.mark.promise("code")
@pytest.mark.parametrize("extra", [{"_partial_": True}, {"_args_": [1]}, {"drop_path": {"_target_": "os.getcwd"}}])
def test_wrappers_and_nested_targets_are_refused(extra: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="not allowed"):
        build(node(**(RESNET | extra)), "encoder")


NTXENT = {"_target_": "selfsup.objectives.ntxent.NTXent", "temperature": 0.2, "hidden_dim": None, "output_dim": 8}
HYBRID = {"_target_": "selfsup.objectives.hybrid.Hybrid", "weights": {"a": 1.0}}


def hybrid(part: object) -> OmegaConf:
    return node(**HYBRID, parts={"a": part})


def test_an_objective_may_have_parts_that_are_objectives() -> None:
    encoder = build(node(**RESNET), "encoder")
    found = build(hybrid(NTXENT), "objective", encoder)
    assert type(found.parts["a"]).__name__ == "NTXent"
    assert found.parts["a"].encoder is encoder


@pytest.mark.promise("code")
@pytest.mark.parametrize(
    ("part", "says"),
    [
        (RESNET, r"objective.parts.a._target_: selfsup.encoders.convnet.ConvNet is not a Objective"),
        ({"_target_": "os.system", "command": "true"}, r"objective.parts.a._target_: os.system is not from a trusted"),
        (NTXENT | {"_partial_": True}, r"objective.parts.a._partial_: not allowed"),
        (NTXENT | {"temprature": 1}, r"objective.parts.a.temprature: .* did you mean `temperature`"),
        (NTXENT | {"output_dim": {"_target_": "os.getcwd"}}, r"objective.parts.a.output_dim: a nested _target_"),
        ({"deeper": {"_target_": "os.getcwd"}}, r"objective.parts.a.deeper: a nested _target_"),
        (HYBRID | {"parts": {"b": NTXENT}}, r"objective.parts.a.parts.b: a nested _target_"),
    ],
)
def test_parts_pass_the_same_gate(part: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        validate(OmegaConf.create({"trust": [], "objective": hybrid(part)}), ("objective",))
    with pytest.raises(ConfigError, match=says):
        build(hybrid(part), "objective", None)


@pytest.mark.promise("code")
def test_only_objectives_have_parts() -> None:
    part = {"_target_": "selfsup.encoders.convnet.ConvNet"}
    with pytest.raises(ConfigError, match=r"encoder\.parts\.a: a nested _target_ is not allowed"):
        build(node(**RESNET, parts={"a": part}), "encoder")


def test_an_objective_without_parts_takes_none() -> None:
    with pytest.raises(ConfigError, match=r"objective.parts: NTXent has no such parameter"):
        build(node(**NTXENT, parts={"a": NTXENT}), "objective", None)


def test_what_a_part_refuses_is_said_with_its_name() -> None:
    encoder = build(node(**RESNET), "encoder")
    with pytest.raises(ConfigError, match=r"^objective.parts.a: objective.temperature: -1 is not above 0"):
        build(hybrid(NTXENT | {"temperature": -1}), "objective", encoder)


def test_trust_lets_a_users_package_in(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_encoders.py").write_text(
        "from selfsup.encoders.convnet import ConvNet\nclass Mine(ConvNet):\n    'A user\\'s own.'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    mine = node(**(RESNET | {"_target_": "my_encoders.Mine"}))
    with pytest.raises(ConfigError, match=r"trust=\[my_encoders\]"):
        build(mine, "encoder")
    assert type(build(mine, "encoder", trust=["my_encoders"])).__name__ == "Mine"


@pytest.mark.promise("code")
def test_validate_names_all_faults_at_once() -> None:
    faulty = OmegaConf.create(
        {
            "trust": [],
            "encoder": RESNET | {"modle": "resnet18", "channels": "three"},
            "optimizer": {"_target_": "torch.optim.AdamW", "learning_rate": 1},
            "augmentation": {"_target_": "selfsup.views.multiview.MultiView"},
        }
    )
    with pytest.raises(ConfigError) as caught:
        validate(faulty, ("encoder", "optimizer", "augmentation"))
    text = str(caught.value)
    assert "encoder.modle: ConvNet has no such parameter; did you mean `model`?" in text
    assert "encoder.channels: 'three' is not int" in text
    assert "optimizer.learning_rate" in text
    assert "augmentation.groups: not set" in text
    assert MultiView.__name__ in text


def test_a_missing_value_is_named_with_a_remedy() -> None:
    cfg = OmegaConf.create({"trust": [], "data": {"_target_": "selfsup.data.images.Images", "folder": "???"}})
    with pytest.raises(ConfigError, match=r"data.folder: not set. Name the images"):
        validate(cfg, ("data",))


def test_build_all_keeps_names() -> None:
    probes = OmegaConf.load("conf/probe/knn.yaml")
    assert list(build_all(probes, "probe")) == ["knn"]
