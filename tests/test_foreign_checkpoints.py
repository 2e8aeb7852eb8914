"""Attacks by the files of others: checkpoints, run folders, catalogues, published folders. Each is refused by name.

A checkpoint is an archive of a pickle and of numbers; a run's folder has a configuration beside it; a catalogue says by
which checkpoint and of which data it was made; a published folder has a description in JSON.
"""

import hashlib
import io
import json
import os
import pickle
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from selfsup.catalogue import Catalogue
from selfsup.checkpoint import LAST, read_checkpoint
from selfsup.embed import load_encoder, load_objective
from selfsup.publishing import loading
from selfsup.publishing.package import CARD, CONFIG, WEIGHTS, read_package
from selfsup.tasks._catalogue import source_of
from selfsup.tasks._queries import _images
from selfsup.training.checkpoints import AtomicCheckpointIO
from selfsup.types import ConfigError, DataError

pytestmark = pytest.mark.promise("code")


class Calls:
    """Unpickled, it calls something that leaves the mark."""

    def __init__(self, function, *arguments):
        self.called = function, arguments

    def __reduce__(self):
        return self.called


@pytest.fixture
def mark(tmp_path):
    return tmp_path / "mark"


def archive(parts, compression=zipfile.ZIP_STORED):
    """Name -> content, as torch's own format lays them out."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as file:
        for name, content in {"version": b"3\n", "byteorder": b"little", **parts}.items():
            file.writestr(f"archive/{name}", content)
    return stream.getvalue()


def saved(value, **options):
    stream = io.BytesIO()
    torch.save(value, stream, **options)
    return stream.getvalue()


def larger(value):
    """The same, whose one tensor of 300 numbers says that it has 65,535."""
    with zipfile.ZipFile(io.BytesIO(saved(value))) as file:
        parts = {name.partition("/")[2]: file.read(name) for name in file.namelist()}
    assert parts["data.pkl"].count(b"M,\x01") == 2
    parts["data.pkl"] = parts["data.pkl"].replace(b"M,\x01", b"M\xff\xff")
    return archive(parts)


def checkpoints(mark):
    """Attack -> the content of a checkpoint."""
    evil = Calls(os.mkdir, str(mark))
    plain = {"config": {}, "state_dict": {}}
    bomb = pickle.dumps(plain, protocol=2) + b"\0" * 10**7
    return {
        "a call": saved(evil),
        "a call within": saved({**plain, "state_dict": {"weight": evil}}),
        "a call in the configuration": saved({"config": {"encoder": evil}}),
        "open": saved({**plain, "hyper_parameters": Calls(open, str(mark), "w")}),
        "an import": saved({**plain, "loops": Calls(__import__, "antigravity")}),
        "eval": saved({**plain, "callbacks": Calls(eval, f"__import__('os').mkdir({str(mark)!r})")}),
        "getattr": saved({**plain, "x": Calls(getattr, Calls(__import__, "os"), "mkdir")}),
        "a whole module": saved({**plain, "x": torch.nn.Linear(1, 1)}),
        "torch's own loader": saved({**plain, "x": Calls(torch.load, str(mark))}),
        "a plain pickle": pickle.dumps(evil),
        "the format of before": saved(evil, _use_new_zipfile_serialization=False),
        "two archives": archive({"data.pkl": pickle.dumps(evil, protocol=2), "constants.pkl": b""}),
        "another protocol": saved(evil, pickle_protocol=5),
        "compressed": archive({"data.pkl": bomb}, zipfile.ZIP_DEFLATED),
        "a memory of terabytes": saved({**plain, "x": Calls(bytearray, 10**14)}),
        "a tensor that is larger than its numbers": larger({"config": {}, "x": torch.zeros(300)}),
        "no configuration": saved([1, 2]),
        "a configuration that is a list": saved({"config": [1]}),
        "a configuration with a tensor": saved({"config": {"a": torch.zeros(1)}}),
        "an interpolation": saved({"config": {"data": {"folder": "${oc.env:HOME}"}}}),
        "cut short": saved(plain)[:-40],
        "empty": b"",
    }


CHECKPOINTS = list(checkpoints("/"))


@pytest.mark.parametrize("attack", CHECKPOINTS)
def test_no_checkpoint_runs_code(attack, tmp_path, mark):
    """As a file, as that of a run, and as Lightning asks for it when a run goes on."""
    run = tmp_path / "run"
    (run / LAST).parent.mkdir(parents=True)
    (run / LAST).write_bytes(checkpoints(mark)[attack])
    for read in (read_checkpoint, load_encoder, AtomicCheckpointIO().load_checkpoint, loading.load_encoder):
        for path in (run / LAST, run):
            with pytest.raises(DataError, match=r"last\.ckpt: not a checkpoint"):
                read(path)
    assert not mark.exists()


def test_a_checkpoint_whose_pickle_is_disturbed_is_refused_or_read(tmp_path, record_property):
    """Every byte of the pickle in turn; the sums of the archive agree."""
    with zipfile.ZipFile(io.BytesIO(saved({"config": {"a": [1, "b"]}, "x": torch.zeros(3)}))) as file:
        parts = {name.partition("/")[2]: file.read(name) for name in file.namelist()}
    file, refused, text = tmp_path / "a.ckpt", 0, parts["data.pkl"]
    for place in range(len(text)):
        for bit in (0b1, 0b10000):
            disturbed = text[:place] + bytes([text[place] ^ bit]) + text[place + 1 :]
            file.write_bytes(archive({**parts, "data.pkl": disturbed}))
            try:
                read_checkpoint(file)
            except DataError:
                refused += 1
    assert refused > len(text) / 2
    record_property("faults", 2 * len(text))


def rewritten(run, **changes):
    """The checkpoint of a run with other values in its configuration: dotted key -> value."""
    found = torch.load(run / LAST, weights_only=True)
    for key, value in changes.items():
        if key == "state_dict":
            found[key] = value
        elif value is None:
            del found["config"][key]
        else:
            OmegaConf.update(cfg := OmegaConf.create(found["config"]), key, value, force_add=True)
            found["config"] = OmegaConf.to_container(cfg)
    torch.save(found, run / LAST)


@pytest.fixture
def evil_package(tmp_path, mark, monkeypatch):
    (tmp_path / "evil_encoders.py").write_text(f"import os\nos.mkdir({str(mark)!r})\nclass Evil: ...\n")
    monkeypatch.syspath_prepend(tmp_path)


CONFIGURATIONS = {
    "a foreign class": ({"encoder": {"_target_": "evil_encoders.Evil"}}, "evil_encoders.Evil is not from a trusted"),
    "a foreign class that it trusts": (
        {"trust": ["evil_encoders"], "encoder": {"_target_": "evil_encoders.Evil"}},
        "evil_encoders.Evil is not from a trusted",
    ),
    "a loader of pickles": ({"objective": {"_target_": "torch.load", "f": "x"}}, "torch.load is not from a trusted"),
    "a nested one": ({"encoder.drop_path": {"_target_": "os.getcwd"}}, "encoder.drop_path: a nested _target_"),
    "a partial one": ({"encoder._partial_": True}, "encoder._partial_: not allowed"),
    "arguments": ({"encoder._args_": ["x"]}, "encoder._args_: not allowed"),
    "an alias": ({"encoder": {"_target_": "selfsup.config.importlib.import_module"}}, "there is no module"),
    "a function of ours": ({"encoder": {"_target_": "selfsup.config.build"}}, "is not a Encoder"),
    "another kind": ({"encoder": {"_target_": "selfsup.objectives.ntxent.NTXent"}}, "is not a Encoder"),
    "a part": ({"objective.parts": {"a": {"_target_": "os.getcwd"}}}, "objective.parts"),
    "no encoder": ({"encoder": None}, "no encoder in its configuration"),
    "no trainer": ({"trainer": None}, "no trainer in its configuration"),
    "no weights": ({"state_dict": [1]}, "no weights"),
    "weights that are none": ({"state_dict": {"objective.x": "text"}}, "weights that are no tensors"),
    "other weights": ({"state_dict": {"objective.x": torch.zeros(1)}}, "the weights do not fit"),
    "weights without memory": ({"state_dict": {"objective.x": torch.zeros(1).expand(10**15)}}, "do not fit"),
}


@pytest.mark.usefixtures("evil_package")
def test_no_configuration_of_a_checkpoint_runs_code(checkpoint, mark, record_property):
    run = checkpoint("data.size_px=32")
    whole = (run / LAST).read_bytes()
    for attack, (changes, says) in CONFIGURATIONS.items():
        rewritten(run, **changes)
        for load in (load_objective, load_encoder, loading.load_encoder):
            with pytest.raises((ConfigError, DataError), match=says):
                load(run)
        assert not mark.exists(), attack
        (run / LAST).write_bytes(whole)
    record_property("faults", len(CONFIGURATIONS))


@pytest.mark.usefixtures("evil_package")
def test_no_catalogue_runs_code(checkpoint, compose, mark, tmp_path):
    """What it says of its data, and of its checkpoint, passes the same gates; it cannot name whom to trust."""
    run = checkpoint("data.size_px=32")
    rewritten(run, encoder={"_target_": "evil_encoders.Evil"})
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "evil.ckpt").write_bytes(saved(Calls(os.mkdir, str(mark))))
    nodes = [
        {"_target_": "os.mkdir", "path": str(mark)},
        {"_target_": "evil_encoders.Evil"},
        {"_target_": "selfsup.data.images.Images", "folder": {"_target_": "os.getcwd"}},
        {"_target_": "selfsup.data.images.Images", "_partial_": True},
    ]
    cfg = OmegaConf.create({"trust": [], "task": {"folder": None, "checkpoint": None, "images": "x.png"}})
    for node in nodes:
        made = {"data": node, "trust": ["evil_encoders", "os"]}
        with pytest.raises(ConfigError, match=r"data\.(_target_|_partial_|folder)"):
            source_of(cfg, Catalogue.from_arrays(["a"], np.zeros((1, 2)), {}, made))
    for named, says in ((run, "not from a trusted"), (tmp_path / "bad" / "evil.ckpt", "not a checkpoint")):
        made = {"checkpoint": str(named), "trust": ["evil_encoders"]}
        with pytest.raises((ConfigError, DataError), match=says):
            _images(cfg, Catalogue.from_arrays(["a"], np.zeros((1, 2)), {}, made))
    assert not mark.exists()


RUNS = {
    "its own trust": ("trust: [evil_encoders]\nencoder: {_target_: evil_encoders.Evil}\n", "trusts evil_encoders"),
    "trust that is no list": ("trust: evil_encoders\n", "trusts evil_encoders"),
    "a foreign class": ("trust: []\nencoder: {_target_: evil_encoders.Evil}\n", "is not from a trusted"),
    "a loader": ("trust: []\nlogger: {_target_: torch.load, f: x}\n", "torch.load is not from a trusted"),
    "an interpolation": ("trust: []\nseed: ${oc.env:HOME}\n", "nothing to be looked up"),
    "a tag": ("trust: []\nx: !!python/object/apply:os.mkdir [mark]\n", "not a configuration"),
    "laughs": ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "not a configuration"),
    "a list": ("- 1\n", "not a configuration"),
    "no text": ("\0", "not a configuration"),
}


@pytest.mark.usefixtures("evil_package")
def test_no_run_folder_runs_code_when_it_goes_on(selfsup, mark, tmp_path, monkeypatch, record_property):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    for attack, (text, says) in RUNS.items():
        (tmp_path / "run" / "config.yaml").write_text(text)
        ended = selfsup("task=resume", "task.run=run", f"hydra.run.dir={tmp_path / 'logs'}")
        assert not mark.exists(), attack
        assert ended.code == 1, ended
        assert says in ended.err, ended.err
        assert "Traceback" not in ended.err
    record_property("faults", len(RUNS))


@pytest.fixture
def folder(checkpoint, tmp_path):
    """A published encoder."""
    loading.load_encoder(checkpoint("data.size_px=32")).save_pretrained(tmp_path / "published")
    return tmp_path / "published"


def header(said, content=b""):
    text = said if isinstance(said, bytes) else json.dumps(said).encode()
    return len(text).to_bytes(8, "little") + text + content


TENSOR = {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}
WEIGHTS_OF_OTHERS = {
    "a header of terabytes": (2**42).to_bytes(8, "little") + b"{}",
    "a header of more than there is": (2**63).to_bytes(8, "little"),
    "a tensor of terabytes": header({"net.x": TENSOR}),
    "numbers that overlap": header({"a": {**TENSOR, "shape": [1], "data_offsets": [0, 4]},
                                    "b": {**TENSOR, "shape": [1], "data_offsets": [0, 4]}}, b"1234"),
    "numbers before the beginning": header({"a": {**TENSOR, "shape": [1], "data_offsets": [-4, 0]}}, b"1234"),
    "an unknown type": header({"a": {"dtype": "EVIL", "shape": [1], "data_offsets": [0, 4]}}, b"1234"),
    "no JSON": header(b"{" * 1000),
    "a pickle": pickle.dumps(Calls(os.mkdir, "mark")),
    "torch's own": saved(Calls(os.mkdir, "mark")),
    "nothing": b"",
}  # fmt: skip


def change(folder, **values):
    record = json.loads((folder / CONFIG).read_text()) | values
    (folder / CONFIG).write_text(json.dumps(record))


def test_no_published_weights_run_code(folder, mark, monkeypatch, record_property):
    monkeypatch.chdir(folder.parent)
    for attack, content in WEIGHTS_OF_OTHERS.items():
        (folder / WEIGHTS).write_bytes(content)
        with pytest.raises(DataError, match="SHA-256"):
            loading.load_encoder(folder)
        change(folder, weights_sha256=hashlib.sha256(content).hexdigest())
        with pytest.raises(DataError, match="do not fit"):
            loading.load_encoder(folder)
        assert not mark.exists(), attack
    with (folder / WEIGHTS).open("wb") as file:
        file.truncate(2**43)  # sparse: it takes no room
    with pytest.raises(DataError, match="no so many weights"):
        loading.load_encoder(folder)
    record_property("faults", 2 * len(WEIGHTS_OF_OTHERS) + 1)


@pytest.mark.usefixtures("evil_package")
def test_no_description_runs_code(folder, mark, record_property):
    encoder = json.loads((folder / CONFIG).read_text())["encoder"]
    attacks = {
        "a foreign class": ({"encoder": {"_target_": "evil_encoders.Evil"}}, "is not from a trusted"),
        "a loader": ({"encoder": {"_target_": "torch.hub.load", "repo_or_dir": "."}}, "is not from a trusted"),
        "a nested one": ({"encoder": encoder | {"stem": {"_target_": "os.getcwd"}}}, "a nested _target_"),
        "a partial one": ({"encoder": encoder | {"_partial_": True}}, "_partial_: not allowed"),
        "its own trust": ({"trust": ["evil_encoders"]}, "there is no key 'trust'"),
        "a path for a model": ({"encoder": encoder | {"model": "../../evil"}}, "timm has no"),
        "a folder for a model": ({"encoder": encoder | {"model": f"local-dir:{folder}"}}, "timm has no"),
        "a repository for a model": ({"encoder": encoder | {"model": "hf-hub:evil/evil"}}, "timm has no"),
        "too much memory": ({"encoder": encoder | {"channels": 10**15}}, "cannot be built|could not provide"),
        "less than nothing": ({"encoder": encoder | {"channels": -1}}, "cannot be built|could not provide"),
        "a number for a text": ({"encoder": encoder | {"model": 5}}, "5 is not str"),
        "an interpolation": ({"encoder": encoder | {"model": "${oc.env:HOME}"}}, "interpolation"),
        "another kind": ({"dim": "96"}, "'dim' is no int"),
    }
    whole = (folder / CONFIG).read_text()
    for attack, (changes, says) in attacks.items():
        change(folder, **changes)
        with pytest.raises((ConfigError, DataError), match=says):
            loading.load_encoder(folder)
        assert not mark.exists(), attack
        (folder / CONFIG).write_text(whole)
    record_property("faults", len(attacks))


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS, CARD])
def test_a_pipe_or_a_device_is_no_file(name, folder):
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(DataError, match=f"{name}: not a file"):
        read_package(folder)
    (folder / name).unlink()
    (folder / name).symlink_to("/dev/zero")
    with pytest.raises(DataError, match=f"{name}: not a file"):
        read_package(folder)


def test_of_the_hub_only_three_files_are_fetched(folder, monkeypatch):
    """Code, pickles and settings beside them stay there."""
    asked = {}
    monkeypatch.setattr(
        "selfsup.publishing.hub.snapshot_download",
        lambda name, **options: asked.update(options, name=name) or str(folder),
    )
    (folder / "modeling_evil.py").write_text("raise SystemExit")
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Calls(os.mkdir, "mark")))
    loading.load_encoder("hf://evil/evil")
    asked = SimpleNamespace(**asked)
    assert asked.allow_patterns == [WEIGHTS, CONFIG, CARD]
    assert not hasattr(asked, "trust_remote_code")
