"""A hybrid is the sum of its parts, on one encoder, for galaxies with and without votes, on any number of processes."""

import copy
import csv
import json

import pytest
import torch
from torch import nn

from selfsup.config import build, validate
from selfsup.embed import load_objective
from selfsup.encoders.base import Encoder
from selfsup.objectives.dino import DINO
from selfsup.objectives.dirichlet import Dirichlet
from selfsup.objectives.hybrid import Hybrid
from selfsup.objectives.ntxent import NTXent
from selfsup.objectives.supervised import Supervised
from selfsup.tasks.pretrain import assemble
from selfsup.training.loop import fit
from selfsup.types import ConfigError

NTXENT = {"temperature": 0.2, "hidden_dim": 8, "output_dim": 5}
DINO_SMALL = {
    **{"hidden_dim": 8, "bottleneck_dim": 4, "output_dim": 6, "freeze_last_layer_share": 0.0},
    **{"student_temperature": 0.1, "teacher_temperature_start": 0.04, "teacher_temperature": 0.04},
    **{"warmup_share": 0.0, "center_momentum": 0.9, "momentum_start": 0.5, "weight_decay_growth": 10.0},
}


class Plain(Encoder):
    """A linear map of the mean pixel."""

    def __init__(self):
        super().__init__(3, 0.5, 0.25)
        self.dim = 6
        self.linear = nn.Linear(3, self.dim)

    def feature_map(self, image):
        return self(image)[..., None, None]

    def pyramid(self, image):
        return [self.feature_map(image)]

    def forward(self, image):
        return torch.tanh(self.linear(self.normalize(image).mean(dim=(2, 3))))


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return Plain()


def contrast_and_votes(encoder, **weights):
    parts = {"contrastive": NTXent(encoder, **NTXENT), "votes": Dirichlet(encoder, "rings", 0.0, 100.0)}
    return Hybrid(encoder, parts, {"contrastive": 1.0, "votes": 0.1} | weights)


def two_views(count=4):
    random = torch.Generator().manual_seed(1)
    return {"global": [torch.rand(count, 3, 5, 5, generator=random) for _ in range(2)]}


def batch_of(votes):
    return {"id": [str(i) for i in range(len(votes))], "image": torch.empty(0), "votes": votes}


VOTES = torch.tensor([[3.0, 7.0], [0.0, 0.0], [10.0, 0.0], [0.0, 0.0]])


def gradients(total, module):
    found = torch.autograd.grad(total, list(module.parameters()), retain_graph=True, allow_unused=True)
    return [torch.zeros(()) if gradient is None else gradient for gradient in found]


def test_the_loss_and_its_gradient_are_the_weighted_sum_of_the_parts(encoder):
    hybrid, views, batch = contrast_and_votes(encoder, contrastive=0.7, votes=0.3), two_views(), batch_of(VOTES)
    loss = hybrid(views, batch, 0.0)
    first = hybrid.parts["contrastive"](views, batch, 0.0)
    second = hybrid.parts["votes"]({"global": views["global"][:1]}, batch, 0.0)
    torch.testing.assert_close(loss.total, 0.7 * first.total + 0.3 * second.total)
    assert (loss.log["contrastive"], loss.log["votes"]) == (first.total, second.total)
    assert loss.log["votes/asked_share"] == 0.5
    assert {f"contrastive/{name}" for name in first.log} <= set(loss.log)
    by_parts = zip(gradients(first.total, encoder), gradients(second.total, encoder), strict=True)
    for whole, (a, b) in zip(gradients(loss.total, encoder), by_parts, strict=True):
        torch.testing.assert_close(whole, 0.7 * a + 0.3 * b)
        assert b.abs().sum() > 0


def test_galaxies_without_votes_contribute_to_the_self_supervised_part_alone(encoder):
    hybrid, views = contrast_and_votes(encoder), two_views()
    loss = hybrid(views, batch_of(torch.zeros(4, 2)), 0.0)
    alone = hybrid.parts["contrastive"](views, {}, 0.0)
    assert loss.total == alone.total
    assert all((gradient == 0).all() for gradient in gradients(loss.total, hybrid.parts["votes"].head))
    for whole, part in zip(gradients(loss.total, encoder), gradients(alone.total, encoder), strict=True):
        assert torch.equal(whole, part)


def test_the_encoder_is_there_once(encoder):
    hybrid = contrast_and_votes(encoder)
    heads = [p for name in ("contrastive", "votes") for p in hybrid.parts[name].parameters()]
    assert sum(p.numel() for p in hybrid.parameters()) == sum(p.numel() for p in (*encoder.parameters(), *heads))
    assert {name.partition(".")[0] for name in hybrid.state_dict()} == {"encoder", "parts"}
    assert not [name for name in hybrid.state_dict() if ".encoder." in name]
    assert len(set(map(id, hybrid.parameters()))) == len(list(hybrid.state_dict())) - buffers(hybrid)


def buffers(module):
    return len(set(module.state_dict()) - {name for name, _ in module.named_parameters()})


def test_the_parts_use_the_hybrid_s_encoder_whatever_happens_to_it(encoder):
    hybrid = contrast_and_votes(encoder)
    other = copy.deepcopy(hybrid)
    assert other.encoder is not hybrid.encoder
    assert all(part.encoder is other.encoder for part in other.parts.values())
    with torch.no_grad():
        other.encoder.linear.weight.zero_()
    hybrid.load_state_dict(other.state_dict())
    hybrid.double().eval()
    for part in hybrid.parts.values():
        assert (part.encoder.linear.weight == 0).all()
        assert part.encoder.linear.weight.dtype == torch.float64
        assert not part.encoder.training


def test_views_are_those_with_which_every_part_can_work(encoder):
    assert contrast_and_votes(encoder).views == {"global": (2, 2)}
    parts = {"dino": DINO(encoder, **DINO_SMALL), "votes": Dirichlet(encoder, "rings", 0.0, 100.0)}
    hybrid = Hybrid(encoder, parts, {"dino": 1, "votes": 1})
    assert hybrid.views == {"global": (2, 2), "local": (0, 12)}
    loss = hybrid(two_views() | {"local": [torch.rand(4, 3, 3, 3)]}, batch_of(VOTES), 0.0)
    assert loss.total.isfinite()


def test_a_target_is_needed_where_every_part_reads_it(encoder):
    def targets(*parts):
        names = [f"part{number}" for number in range(len(parts))]
        hybrid = Hybrid(encoder, dict(zip(names, parts, strict=True)), dict.fromkeys(names, 1.0))
        return hybrid.targets, hybrid.optional_targets

    votes = [Dirichlet(encoder, "rings", 0.0, 100.0) for _ in range(4)]
    labels = [Supervised(encoder, ["a", "b"], "none", 0.0, 0.0) for _ in range(2)]
    assert targets(NTXent(encoder, **NTXENT), votes[0]) == ((), ("votes",))
    assert targets(votes[1], votes[2]) == (("votes",), ())
    assert targets(votes[3], labels[0]) == ((), ("label", "votes"))
    assert targets(NTXent(encoder, **NTXENT), labels[1]) == ((), ("label",))


def test_what_happens_around_a_step_reaches_the_parts(encoder):
    parts = {"dino": DINO(encoder, **DINO_SMALL), "kind": Supervised(encoder, ["a", "b"], "balanced", 0.0, 0.0)}
    hybrid = Hybrid(encoder, parts, {"dino": 1.0, "kind": 1.0})
    assert hybrid.weight_decay_scale(0.0) == 1.0
    assert hybrid.weight_decay_scale(1.0) == pytest.approx(10.0)
    with torch.no_grad():
        encoder.linear.weight.add_(1.0)
    before = parts["dino"].teacher_encoder.linear.weight.clone()
    hybrid.after_step(0.0)
    torch.testing.assert_close(parts["dino"].teacher_encoder.linear.weight, before + 0.5)
    hybrid.observe_labels(torch.tensor([0, 0, 0, 1, -1]))
    torch.testing.assert_close(parts["kind"].class_weight, torch.tensor([4 / 6, 2.0]))
    assert hybrid.online_encoder() is encoder


def test_predictions_are_those_of_the_parts_together(encoder):
    parts = {
        "votes": Dirichlet(encoder, "rings", 0.0, 100.0),
        "kind": Supervised(encoder, ["a", "b", "c"], "none", 0.0, 0.0),
        "again": Dirichlet(encoder, "rings", 0.0, 100.0),
    }
    hybrid, image = Hybrid(encoder, parts, dict.fromkeys(parts, 1.0)).eval(), torch.rand(2, 3, 5, 5)
    said = hybrid.predict(image)
    assert set(said) == {"votes", "label"}
    assert torch.equal(said["votes"], parts["votes"].predict(image)["votes"])
    assert not torch.equal(said["votes"], parts["again"].predict(image)["votes"])
    assert torch.equal(said["label"], parts["kind"].predict(image)["label"])


@pytest.mark.parametrize(
    ("names", "weights", "message"),
    [
        (["a"], {}, r"objective.weights: given for none, while the parts are a; write one weight for each"),
        (["a"], {"a": 1.0, "b": 1.0}, r"objective.weights: given for a, b"),
        (["a"], {"a": 0.0}, r"objective.weights.a: 0.0 is not above 0"),
        (["a"], {"a": "much"}, r"objective.weights.a: 'much' is not above 0"),
        (["items"], {"items": 1.0}, r"objective.parts.items: .* choose another name"),
        (["a b"], {"a b": 1.0}, r"objective.parts.a b: .* choose another name"),
        ([], {}, r"objective.parts: there are none"),
    ],
)
def test_refuses_what_cannot_be(names, weights, message, encoder):
    with pytest.raises(ConfigError, match=message):
        Hybrid(encoder, {name: NTXent(encoder, **NTXENT) for name in names}, weights)


def test_refuses_parts_that_are_none_or_have_another_encoder(encoder):
    with pytest.raises(ConfigError, match=r"objective.parts.a: 5 is no objective"):
        Hybrid(encoder, {"a": 5}, {"a": 1.0})
    with pytest.raises(ValueError, match="NTXent was built with another encoder"):
        Hybrid(encoder, {"a": NTXent(Plain(), **NTXENT)}, {"a": 1.0})


def test_the_default_takes_its_parts_with_their_own_numbers(compose, encoder):
    cfg = compose("objective=hybrid", "objective.parts.votes.dropout=0.5")
    validate(cfg, ("objective", "augmentation", "optimizer"))
    alone = compose("objective=ntxent")
    assert cfg.objective.parts.contrastive == alone.objective
    assert (cfg.augmentation, cfg.optimizer) == (alone.augmentation, alone.optimizer)
    assert cfg.objective.parts.votes.dropout == 0.5
    hybrid = build(cfg.objective, "objective", encoder)
    assert [type(part).__name__ for part in hybrid.parts.values()] == ["NTXent", "Dirichlet"]


def test_parts_views_and_optimizer_can_be_chosen(compose, encoder):
    chosen = ["objective@objective.parts.contrastive=dino", "augmentation=multicrop", "optimizer=lars"]
    cfg = compose("objective=hybrid", *chosen)
    alone = compose("objective=dino", "augmentation=multicrop", "optimizer=lars")
    assert cfg.objective.parts.contrastive == alone.objective
    assert (cfg.augmentation, cfg.optimizer) == (alone.augmentation, alone.optimizer)
    assert build(cfg.objective, "objective", encoder).views == {"global": (2, 2), "local": (0, 12)}


def test_every_galaxy_is_learnt_from_though_few_have_votes(tiny, compose, galaxies, tmp_path):
    with (galaxies / "labels.csv").open(newline="") as file:
        names, *rows = csv.reader(file)
    voted = {row[0] for row in rows[::4]}
    table = [row if row[0] in voted else [*row[:3], *[""] * (len(row) - 3)] for row in rows]
    with (tmp_path / "few.csv").open("w", newline="") as file:
        csv.writer(file).writerows([names, *table])
    short = ["trainer.max_epochs=1", f"data.table={tmp_path / 'few.csv'}"]
    parts = assemble(compose(*tiny, *short, "objective=hybrid"), tmp_path / "a")
    votes_alone = assemble(compose(*tiny, *short, "objective=dirichlet", "trainer.batch_size=4"), tmp_path / "b")
    fit(parts.learner, parts.data, {}, parts.loggers, tmp_path / "a")
    drawn = [galaxy for batch in parts.data.train_dataloader() for galaxy in batch["id"]]
    assert len(drawn) == 5 * 16
    assert not set(drawn) <= voted
    assert {galaxy for batch in votes_alone.data.train_dataloader() for galaxy in batch["id"]} <= voted
    logged = {name for name in parts.learner.trainer.callback_metrics if name.startswith("train/")}
    assert {"train/contrastive", "train/votes", "train/contrastive/alignment", "train/votes/asked_share"} <= logged


def test_a_trained_hybrid_is_scored_loaded_and_fine_tuned(tiny, selfsup, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    short = [*tiny, "trainer.max_epochs=1"]
    ended = selfsup(*short, "objective=hybrid", "objective.weights.votes=0.2", "hydra.run.dir=run")
    assert ended.code == 0, ended.err
    assert "head/votes_mae" in json.loads((tmp_path / "run" / "report.json").read_text())["metrics"]
    hybrid = load_objective(tmp_path / "run")
    assert hybrid.weights == {"contrastive": 1.0, "votes": 0.2}
    assert hybrid.predict(torch.rand(2, 3, 32, 32))["votes"].shape == (2, 37)
    ended = selfsup(
        *short, "objective=dirichlet", "task.init_from=run", "trainer.frozen_blocks=5", "hydra.run.dir=head"
    )
    assert ended.code == 0, ended.err
    tuned, start = load_objective(tmp_path / "head").encoder.state_dict(), hybrid.encoder.state_dict()
    assert all(torch.equal(tuned[name], value) for name, value in start.items())


def test_a_galaxy_teaches_the_answers_of_its_own_tree_alone(compose, encoder):
    cfg = compose("objective=hybrid", "data=images", "data.folder=x", "data.tree=rings+gz_decals5")
    hybrid = build(cfg.objective, "objective", encoder)
    votes = torch.zeros(4, 36)
    votes[0, :2], votes[1, 2:5] = torch.tensor([3.0, 1.0]), torch.tensor([5.0, 4.0, 1.0])
    loss = hybrid(two_views(), batch_of(votes), 0.0)
    loss.total.backward()
    taught = hybrid.parts["votes"].head.weight.grad.abs().sum(1) > 0
    assert taught.tolist() == [True] * 5 + [False] * 31
