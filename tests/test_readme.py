"""The README says what is so: its commands compose, its links lead somewhere, its example works."""

import importlib
import itertools
import re
import shlex
import sys
import types
from pathlib import Path

import pytest
import torch
from hydra.core.override_parser.overrides_parser import OverridesParser

from selfsup.config import build, validate

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "conf" / "task" / "README.md").read_text(encoding="utf-8")
OBJECTIVES = (ROOT / "selfsup" / "objectives" / "README.md").read_text(encoding="utf-8")


def blocks(language, page=README):
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


def commands():
    """Every `uv run selfsup ...`, with continued lines joined and comments left out."""
    text = "\n".join(blocks("bash") + blocks("bash", GUIDE)).replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines()] + re.findall(r"`(uv run selfsup[^`]*)`", README)
    return sorted({line for line in lines if line.startswith("uv run selfsup") and "..." not in line})


def jobs(arguments):
    """The overrides of each job that these arguments start: a sweep starts several."""
    parsed = OverridesParser.create().parse_overrides([word for word in arguments if not word.startswith("-")])
    options = [
        [f"{o.key_or_group}={value}" for value in o.sweep_string_iterator()]
        if o.is_sweep_override()
        else [o.input_line]
        for o in parsed
    ]
    return list(itertools.product(*options))


def test_commands_are_found():
    assert len(commands()) >= 5


@pytest.mark.parametrize("command", commands())
def test_commands_compose_and_pass_the_gate(command, compose):
    for job in jobs(shlex.split(command, comments=True)[3:]):
        missing = [] if any(word.startswith("data.folder=") for word in job) else ["data.folder=DIR"]
        cfg = compose(*job, *missing)
        validate(cfg, importlib.import_module(f"selfsup.tasks.{cfg.task.name}").USES)


def test_options_of_the_table_exist():
    rows = re.findall(r"^\| (`.*?`) \| (.*) \|$", README, re.MULTILINE)
    assert rows
    for groups, cell in rows:
        folders = [ROOT / "conf" / group for group in re.findall(r"`(\w+)`", groups)]
        there = {file.stem for folder in folders for file in folder.glob("*.yaml")}
        named = set(re.findall(r"`(\w+)`", cell))
        assert there
        assert named <= there, named - there


def test_it_can_be_read_in_one_sitting():
    assert len(README.splitlines()) < 200


def test_local_links_lead_somewhere():
    links = re.findall(r"]\((?!https?://|#)([^)#]+)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_example_objective_works(compose, tmp_path, monkeypatch):
    [code] = [block for block in blocks("python", OBJECTIVES) if "Objective" in block]
    [choice] = [block for block in blocks("yaml", OBJECTIVES) if "_target_" in block]
    name = re.search(r"_target_: (selfsup\.objectives\.(\w+))\.\w+", choice)
    module = types.ModuleType(name[1])
    exec(code, module.__dict__)  # noqa: S102  (the guide's own)
    for value in vars(module).values():
        if isinstance(value, type) and value.__module__ == "builtins":
            value.__module__ = name[1]
    monkeypatch.setitem(sys.modules, name[1], module)
    (tmp_path / "objective").mkdir()
    (tmp_path / "objective" / f"{name[2]}.yaml").write_text(choice)
    cfg = compose(f"hydra.searchpath=[file://{tmp_path}]", f"objective={name[2]}", "encoder=tiny_resnet")
    objective = build(cfg.objective, "objective", build(cfg.encoder, "encoder"))
    loss = objective({"global": [torch.rand(4, 3, 64, 64)]}, {"id": list("abcd")}, 0.0)
    loss.total.backward()
    assert all(p.grad.isfinite().all() for p in objective.encoder.parameters())
