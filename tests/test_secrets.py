"""A secret is refused before anything is written, and what reaches a log or an error all the same is hidden."""

import logging
import subprocess
import sys

import pytest
from omegaconf import OmegaConf

from selfsup.secrets import faults, guarded, hide, redact

pytestmark = pytest.mark.promise("secrets")
CANARY = "canary-4f1d9c27b0"


def test_redact_hides_by_name_and_by_value_and_leaves_the_rest(monkeypatch):
    monkeypatch.setenv("MY_API_KEY", "canary-value")
    monkeypatch.setenv("SOME_TOKEN", "1")
    config = {"Api_Key": 3, "deep": [{"PASSWORD": "x", "url": "https://u:canary-value@host"}], "lr": 0.1, "n": "12"}
    assert redact(OmegaConf.create(config)) == {
        "Api_Key": "(hidden)",
        "deep": [{"PASSWORD": "(hidden)", "url": "https://(hidden)@host"}],
        "lr": 0.1,
        "n": "12",
    }


def test_a_short_secret_is_hidden_only_where_it_is_the_whole_text(monkeypatch):
    monkeypatch.setenv("SOME_TOKEN", "true")
    assert hide("true") == "(hidden)"
    assert hide("it is true") == "it is true"


TOKENS = [
    "s3://user:canary-4f1d9c27b0@host/x",
    f"hf_{'a1' * 17}",
    f"ghp_{'A1' * 18}",
    f"sk-{'a1' * 20}",
    f"wandb_v1_{'a1' * 20}",
    f"AKIA{'A1' * 8}",
]


@pytest.mark.parametrize("token", TOKENS)
def test_a_token_of_a_well_known_service_is_known_by_its_looks(token):
    assert token not in hide(f"cannot open {token}, said the server")
    assert list(faults({"data": {"folder": token}}))
    assert token not in str(list(faults({"data": {"folder": token}}, [f"data.folder={token}", token])))


@pytest.mark.parametrize(
    "text",
    [
        "s3://host/x",
        "a@b",
        "hf_galaxies-of-the-north_2024",
        "sk-learn-of-2024-and-more",
        "https://host:8080/x@y",
        "outputs/AKIA",
    ],
)
def test_what_only_resembles_one_is_left(text):
    assert hide(text) == text
    assert not list(faults({"data": {"folder": text}}))


NAMES = [
    "api_key",
    "wandb_api_key",
    "token",
    "hub_token",
    "password",
    "db_passwd",
    "secret",
    "secret_key",
    "auth",
    "key",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_secret_is_known_by_its_name(name):
    for said in ({name: CANARY}, {"a": [{name: CANARY}]}, {name: 12345678}):
        assert len(list(faults(said))) == 1
        assert CANARY not in str(list(faults(said)))
    for typed in (f"+logger.{name}={CANARY}", f"+x={{{name}:{CANARY}}}"):
        assert len(list(faults({}, [typed]))) == 1


@pytest.mark.parametrize(
    "said", [{"id_key": "name"}, {"mask_token": True}, {"keys": ["a"]}, {"token": None}, {"auth": ""}]
)
def test_an_innocent_name_is_left(said):
    assert not list(faults(said, ["data.id_key=name", "~logger.token", "author=x", "logger.token=null"]))


def test_no_configuration_of_ours_has_a_fault(compose):
    assert not list(faults(OmegaConf.to_container(compose(), resolve=False)))


COMMANDS = {
    "by its name": [f"+logger.api_key={CANARY}"],
    "by its name, within": [f"+logger.x={{deep:[{{password:{CANARY}}}]}}"],
    "in a sweep": ["--multirun", f"+logger.api_key={CANARY},{CANARY}2"],
    "of the environment": [f"data.folder=/mnt/{CANARY}/x"],
    "of the environment, in a name": [f"+x.{CANARY}=1"],
    "in an address": [f"data.folder=https://me:{CANARY}x@host/x"],
    "read from the environment": ["data.folder=${oc.env:SOME_TOKEN}"],
    "decoded from the environment": ["data.folder=${oc.decode:${oc.env:SOME_TOKEN}}"],
    "in the name of a folder": ["hydra.run.dir=outputs/${oc.env:SOME_TOKEN}"],
    "copied to the jobs": ["hydra.job.env_copy=[SOME_TOKEN]"],
    "printed": ["--cfg", "job", f"+logger.api_key={CANARY}"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_with_a_secret_is_refused_and_leaves_nothing(command, selfsup, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOME_TOKEN", CANARY)
    ended = selfsup(*COMMANDS[command])
    assert ended.code == 1
    assert ended.err.count("selfsup: ") == 1
    assert CANARY not in ended.err + ended.out
    assert "Traceback" not in ended.err
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and CANARY in file.read_text()]


def test_a_configuration_file_with_a_secret_is_refused(selfsup, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    (tmp_path / "conf" / "experiment" / "mine.yaml").write_text(f"# @package _global_\nlogger:\n  api_key: {CANARY}\n")
    ended = selfsup("--config-dir", "conf", "experiment=mine", "hydra.run.dir=out")
    assert ended.code == 1
    assert "logger.api_key: a secret, which would be written down" in ended.err
    assert CANARY not in ended.err
    assert not (tmp_path / "out").exists()


def test_a_line_of_the_log_hides_it(monkeypatch, tmp_path):
    monkeypatch.setenv("SOME_TOKEN", CANARY)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    before = logging.getLogRecordFactory()
    handler = logging.FileHandler(tmp_path / "log")
    handler.setFormatter(logging.Formatter("%(message)s"))
    log = logging.getLogger("secrets.test")
    log.addHandler(handler)
    try:
        with guarded():
            log.warning("to %s and %d", f"https://u:{CANARY}@host", 3)
            log.warning("plain " + CANARY)
            try:
                raise ValueError(CANARY)
            except ValueError:
                log.exception("failed")
    finally:
        logging.setLogRecordFactory(before)
        log.removeHandler(handler)
        handler.close()
    written = (tmp_path / "log").read_text()
    assert CANARY not in written
    assert "ValueError: (hidden)" in written
    assert "host and 3" in written


def test_the_traceback_of_a_process_hides_it(monkeypatch):
    monkeypatch.setenv("SOME_TOKEN", CANARY)
    program = (
        "import os, sys\nfrom selfsup.secrets import guarded\n"
        "with guarded():\n    sys.excepthook = sys.__excepthook__\n"
        "    raise ValueError('no: ' + os.environ['SOME_TOKEN'])"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "ValueError: no: (hidden)" in ended.stderr
