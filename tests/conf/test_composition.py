"""Whatever lies in conf composes, passes the gate, and is said once."""

import itertools
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from selfsup.config import CONTRACTS, build, validate
from selfsup.training.learner import check_views
from selfsup.types import ConfigError

CONF = Path(__file__).parents[2] / "conf"


def options(group):
    return sorted(file.stem for file in (CONF / group).glob("*.yaml"))


GROUPS = ("data", "encoder", "objective", "augmentation", "optimizer", "trainer", "logger", "probe")
CHOICES = [(group, name) for group in GROUPS for name in options(group)]
PAIRS = list(itertools.product(options("encoder"), options("objective")))
BIG = {"resnet50", "vit_small"}  # checked, not built
LABELS = ("data=images", "data.folder=somewhere", "data.tree=gz2", "data.classes=[a,b]", "data.label=label")


def size_px(encoder):
    return 224 if encoder == "linformer_lin2021" else 64


def test_every_group_of_the_contracts_has_options():
    assert set(GROUPS) == set(CONTRACTS)
    assert all(options(group) for group in GROUPS)


@pytest.mark.parametrize(("group", "name"), CHOICES, ids=lambda value: value)
def test_every_option_composes_and_passes_the_gate(group, name, compose):
    choice = f"probe=[{name}]" if group == "probe" else f"{group}={name}"
    cfg = compose("data.folder=somewhere", choice)
    validate(cfg, tuple(CONTRACTS))
    OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)


@pytest.mark.parametrize("task", options("task"))
def test_every_task_composes_and_is_a_module_of_its_name(task, compose):
    file = Path(__file__).parents[2] / "selfsup" / "tasks" / f"{task}.py"
    assert file.is_file()
    needs = {"embed": ["task.checkpoint=a", "task.output=b"], "probe": ["task.checkpoint=a"]}
    needs |= {"resume": ["task.run=a"], "sky": ["task.output=a"], "shift": ["task.checkpoint=a"]}
    needs |= {"predict": ["task.output=a"], "label": ["task.campaign=a"]}
    needs |= {"census": ["task.catalogue=a"], "search": ["task.catalogue=a"]}
    needs |= {"cluster": ["task.catalogue=a"], "map": ["task.catalogue=a"]}
    needs |= {"hunt": ["task.catalogue=a", "task.hunt=b"], "outliers": ["task.catalogue=a"]}
    needs |= {"hunt_benchmark": ["task.catalogue=a", "task.truth={column: a, above: 0.5}"]}
    needs |= {"publish": ["task.checkpoint=a", "task.output=b"], "export": ["task.catalogue=a", "task.output=b"]}
    needs |= {"denoise": ["task.checkpoint=a", "task.output=b"], "report": ["task.runs=[a]"]}
    cfg = compose("data.folder=somewhere", f"task={task}", *needs.get(task, []))
    assert cfg.task.name == task
    OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)


@pytest.mark.parametrize(("encoder", "objective"), PAIRS, ids=lambda value: value)
def test_every_encoder_learns_with_every_objective(encoder, objective, compose):
    cfg = compose(*LABELS, f"encoder={encoder}", f"objective={objective}", f"data.size_px={size_px(encoder)}")
    validate(cfg, tuple(CONTRACTS))
    if encoder in BIG:
        return
    built = build(cfg.objective, "objective", build(cfg.encoder, "encoder"))
    check_views(built, build(cfg.augmentation, "augmentation"))
    assert built.online_encoder().dim > 0


def test_what_an_objective_brings_can_be_overridden(compose):
    brought = compose("data.folder=x", "objective=dino")
    assert set(brought.augmentation.groups) == {"global", "local"}
    assert brought.optimizer.weight_decay == compose("data.folder=x", "optimizer=adamw_dino").optimizer.weight_decay
    chosen = compose("data.folder=x", "objective=dino", "augmentation=two_views", "optimizer=lars")
    assert set(chosen.augmentation.groups) == {"global"}
    assert chosen.optimizer._target_ == "lightly.utils.lars.LARS"
    assert "betas" not in chosen.optimizer
    validate(chosen, tuple(CONTRACTS))


def test_what_the_data_bring_can_be_overridden(compose):
    assert set(compose("data=rings_decals", "data.folder=x").probe) == {"knn", "linear", "rings"}
    assert set(compose("data=rings_decals", "data.folder=x", "probe=[linear]").probe) == {"linear"}


def test_a_number_of_a_chosen_augmentation_can_be_changed(compose):
    cfg = compose("data.folder=x", "objective=dino", "augmentation.groups.local.copies=2")
    assert cfg.augmentation.groups.local.copies == 2
    assert cfg.augmentation.groups["global"].copies == 2


@pytest.mark.parametrize(("group", "name"), CHOICES, ids=lambda value: value)
def test_a_mistyped_key_of_any_option_is_a_fault(group, name, compose):
    choice = f"probe=[{name}]" if group == "probe" else f"{group}={name}"
    at = f"probe.{next(iter(compose(choice).probe))}" if group == "probe" else group
    with pytest.raises(ConfigError, match=f"{at}.no_such_key: "):
        validate(compose("data.folder=x", choice, f"+{at}.no_such_key=1"), (group,))


@pytest.mark.parametrize("group", [*GROUPS, "task"])
def test_no_text_is_said_twice(group):
    """Five settings in a row that another file of the group repeats: none."""
    windows = {name: windows_of(CONF / group / f"{name}.yaml") for name in options(group)}
    for one, other in itertools.combinations(windows, 2):
        twice = windows[one] & windows[other]
        assert not twice, f"{one} and {other} share:\n" + "\n\n".join("\n".join(lines) for lines in twice)


def windows_of(file):
    """Every five settings that follow each other: lines with a value, `_target_` and the list of defaults apart."""
    lines = [line.split("#")[0].strip() for line in file.read_text().splitlines()]
    said = [line for line in lines if ": " in line and not line.startswith(("_target_", "- "))]
    return {tuple(said[start : start + 5]) for start in range(len(said) - 4)}
