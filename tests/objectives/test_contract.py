"""One contract for all objectives: whatever lies in conf/objective is built with its own numbers and tried."""

import functools
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from torch import nn

from selfsup import config, trees
from selfsup.encoders.base import Encoder
from selfsup.objectives.base import Objective

CONF = Path(__file__).parents[2] / "conf" / "objective"
DATA = {"size_px": 32, "tree": "gz2", "classes": ["a", "b", "c"]}
SMALL = 32  # widths and depths of heads are cut to this; what they do stays the same
B = 8


def objective_files(folder=CONF):
    return sorted(folder.glob("*.yaml"))


class TinyConvNet(Encoder):
    dim = 16

    def __init__(self):
        super().__init__(3, 0.5, 0.25)
        self.fine = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.GELU())
        self.coarse = nn.Sequential(nn.Conv2d(16, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.GELU())

    def feature_map(self, image):
        return self.pyramid(image)[-1]

    def pyramid(self, image):
        fine = self.fine(self.normalize(image))
        return [fine, self.coarse(fine)]

    def forward(self, image):
        return self.feature_map(image).mean((2, 3))


def shrink(key, value):
    if isinstance(value, dict):
        return {key: shrink(key, each) for key, each in value.items()}
    wide = key.endswith(("_dim", "_width")) and isinstance(value, int)
    return min(value, SMALL) if wide else value


@functools.cache
def composed(path):
    """The node as plain values, with its own numbers and with those of the files that it is made of."""
    with initialize_config_dir(str(path.parents[1]), version_base="1.3"):
        whole = compose(overrides=[f"+objective={path.stem}"])
    whole = OmegaConf.create({"data": DATA, "objective": whole.objective})
    return shrink("objective", OmegaConf.to_container(whole, resolve=True)["objective"])


def build(path, seed=0):
    torch.manual_seed(seed)
    return config.build(OmegaConf.create(composed(path)), "objective", TinyConvNet(), trust=("toy_shrink",))


def may_read(objective):
    return {*objective.targets, *objective.optional_targets}


def make_views(objective, most, dtype=torch.float32):
    generator = torch.Generator().manual_seed(1)
    galaxies = torch.rand(B, 3, 4, 4, generator=generator)
    views = {}
    for kind, counts in objective.views.items():
        size = 32 if kind == "global" else 16
        plain = nn.functional.interpolate(galaxies, size=size)
        views[kind] = [
            (plain + 0.1 * torch.rand(plain.shape, generator=generator)).clamp(0, 1).to(dtype)
            for _ in range(counts[most])
        ]
    return views


class RecordingBatch(dict):
    def __init__(self, *args):
        super().__init__(*args)
        self.read = set()

    def __getitem__(self, key):
        self.read.add(key)
        return super().__getitem__(key)

    def get(self, key, default=None):
        self.read.add(key)
        return super().get(key, default)

    def all_read(self):
        self.read.update(self)
        return list(super().keys())

    def __iter__(self):
        return iter(self.all_read())

    keys = values = items = all_read


def make_batch():
    generator = torch.Generator().manual_seed(2)
    answers = len(trees.tree(DATA["tree"]).answers)
    return RecordingBatch(
        {
            "id": [f"galaxy {i}" for i in range(B)],
            "image": torch.rand(B, 3, 32, 32, generator=generator),
            "votes": torch.randint(0, 10, (B, answers), generator=generator).float(),
            "label": torch.arange(B) % len(DATA["classes"]),
        }
    )


def run(objective, views, batch, progress=0.5):
    torch.manual_seed(3)
    return objective(views, batch, progress)


def trainable(objective):
    return [parameter for parameter in objective.parameters() if parameter.requires_grad]


def check_loss(objective, most):
    loss = run(objective, make_views(objective, most), make_batch())
    assert loss.total.shape == ()
    assert loss.total.isfinite()
    for name, value in loss.log.items():
        assert isinstance(name, str)
        assert value.shape == ()
        assert value.isfinite(), name
        assert not value.requires_grad, f"log {name} keeps the graph alive"
    loss.total.backward()
    gradients = [parameter.grad for parameter in objective.encoder.parameters()]
    assert all(g is not None and g.isfinite().all() for g in gradients)
    assert all(g.abs().sum() > 0 for g in gradients)


each = pytest.mark.parametrize("path", objective_files(), ids=lambda path: path.stem)


def test_the_objectives_are_found():
    assert {"dirichlet", "supervised", "mae", "ntxent", "dino", "hybrid"} <= {path.stem for path in objective_files()}


@each
def test_is_an_objective_named_after_its_file(path):
    objective = build(path)
    assert isinstance(objective, Objective)
    assert type(objective).__module__ == f"selfsup.objectives.{path.stem}"
    assert all(0 <= fewest <= most for fewest, most in objective.views.values())
    assert may_read(objective) <= {"votes", "label"}


@each
@pytest.mark.parametrize("most", [0, 1], ids=["fewest", "most"])
def test_loss_is_finite_and_its_gradient_reaches_all_of_the_encoder(path, most):
    check_loss(build(path), most)


@each
def test_reads_only_its_declared_targets(path):
    objective, batch = build(path), make_batch()
    run(objective, make_views(objective, 0), batch)
    assert batch.read <= may_read(objective)


@each
def test_frozen_stays_frozen(path):
    objective = build(path)
    frozen = [p for p in objective.parameters() if not p.requires_grad]
    before = [p.clone() for p in frozen]
    optimizer = torch.optim.AdamW(objective.parameters(), lr=0.1, weight_decay=0.1)
    run(objective, make_views(objective, 1), make_batch()).total.backward()
    optimizer.step()
    assert all(torch.equal(old, new) for old, new in zip(before, frozen, strict=True))
    objective.after_step(0.5)
    assert all(p.grad is None and not p.requires_grad for p in frozen)


@each
def test_state_round_trips(path):
    first, second = build(path, seed=0), build(path, seed=9)
    views, batch = make_views(first, 1), make_batch()
    first.observe_labels(batch["label"])
    optimizer = torch.optim.SGD(trainable(first), lr=0.01)
    for _ in range(2):
        run(first, views, batch).total.backward()
        optimizer.step()
        first.after_step(0.5)
    second.load_state_dict(first.state_dict())
    for _ in range(2):  # twice, for what the first forward pass moves (centres, running statistics)
        assert torch.equal(run(first, views, batch).total, run(second, views, batch).total)


@each
def test_runs_in_float64(path):
    objective = build(path).double()
    loss = run(objective, make_views(objective, 1, torch.float64), make_batch())
    assert loss.total.dtype == torch.float64
    loss.total.backward()
    assert all(p.grad.isfinite().all() for p in objective.encoder.parameters())


@each
def test_bfloat16_autocast_changes_little(path):
    objective = build(path)
    views, batch = make_views(objective, 0), make_batch()
    state = {key: value.clone() for key, value in objective.state_dict().items()}
    exact = run(objective, views, batch).total
    objective.load_state_dict(state)
    with torch.autocast("cpu", torch.bfloat16):
        rough = run(objective, views, batch).total
    assert rough.dtype == torch.float32
    torch.testing.assert_close(rough, exact, rtol=0.1, atol=0.0)
    rough.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in objective.encoder.parameters())


@each
def test_has_an_encoder_to_publish_and_predicts_for_each_galaxy(path):
    objective = build(path).eval()
    encoder = objective.online_encoder()
    assert isinstance(encoder, Encoder)
    assert encoder.dim == objective.encoder.dim
    with torch.no_grad():
        predicted = objective.predict(torch.rand(2, 3, 32, 32))
    assert set(predicted) == may_read(objective)
    assert all(len(value) == 2 for value in predicted.values())


TOY = """
from selfsup.objectives.base import Objective
from selfsup.types import Loss


class Shrink(Objective):
    views = {"global": (1, 1)}

    def __init__(self, encoder, strength):
        super().__init__(encoder)
        self.strength = strength

    def forward(self, views, batch, progress):
        return Loss(self.strength * self.encoder(views["global"][0]).square().mean())
"""


def test_one_py_and_one_yaml_are_all_that_a_new_objective_needs(tmp_path, monkeypatch):
    (tmp_path / "objective").mkdir()
    (tmp_path / "toy_shrink.py").write_text(TOY)
    yaml = "defaults: [_self_]\n_target_: toy_shrink.Shrink\nstrength: 2.0\n"
    (tmp_path / "objective" / "toy_shrink.yaml").write_text(yaml)
    monkeypatch.syspath_prepend(tmp_path)
    [path] = objective_files(tmp_path / "objective")
    objective = build(path)
    assert objective.strength == 2.0
    check_loss(objective, most=1)
