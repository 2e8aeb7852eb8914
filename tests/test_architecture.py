"""Who may import whom, and what no room may import: the table of the house, held by the source itself."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "selfsup"
ANY = {"*"}
MAY_IMPORT = {
    "types": set(),
    "catalogue": {"types"},
    "votes": {"types"},
    "config": {"types"},
    "checkpoint": {"types"},
    "encoders": {"types"},
    "views": {"types"},
    "data": {"types", "votes", "sky"},
    "objectives": {"types", "votes", "encoders"},
    "probes": {"types", "catalogue", "votes"},
    "report": {"types", "catalogue", "votes"},
    "embed": {"types", "config", "checkpoint", "encoders", "catalogue"},
    "evaluate": {"types", "embed", "data", "encoders", "probes", "catalogue"},
    "training": {"types", "checkpoint", "views", "objectives", "evaluate", "probes", "data"},
    "tasks": ANY - {"__main__"},
    "__main__": {"types", "config"},  # and the task that was asked for, by name
    "__init__": set(),
}
NEVER = {
    **dict.fromkeys(("catalogue", "votes", "report"), {"torch", "lightning", "torchvision"}),
    **dict.fromkeys(("objectives", "encoders", "views", "probes"), {"lightning", "hydra"}),
}
ROOM_MATES = {"base"}
"""Modules that their siblings may import: the contract of the room."""
FILES = sorted(PACKAGE.rglob("*.py"))


def imports(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            found.add(node.module or "")
    return found


def room(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_imports_follow_the_table(file: Path) -> None:
    here = room(file)
    allowed = MAY_IMPORT[here]
    for name in imports(file):
        top, *rest = name.split(".")
        assert top not in NEVER.get(here, set()), f"{here} must not import {top}"
        assert top != "pytorch_lightning"
        if top == "selfsup" and rest and rest[0] != here and allowed != ANY:
            assert rest[0] in allowed, f"{here} must not import selfsup.{rest[0]}"


@pytest.mark.parametrize("file", [f for f in FILES if f.name == "__init__.py"], ids=str)
def test_an_init_is_one_docstring(file: Path) -> None:
    body = ast.parse(file.read_text()).body
    assert len(body) == 1
    assert isinstance(body[0], ast.Expr)


@pytest.mark.parametrize("kind", ["objectives", "encoders"])
def test_methods_do_not_know_each_other(kind: str) -> None:
    methods = {f.stem for f in (PACKAGE / kind).glob("*.py")} - {"__init__", *ROOM_MATES}
    shared = {"layers"}  # parts of several methods, no method themselves
    for file in (PACKAGE / kind).glob("*.py"):
        known = {n.split(".")[2] for n in imports(file) if n.startswith(f"selfsup.{kind}.")}
        assert known <= ROOM_MATES | shared, f"{file.name} imports {known & methods}"


def test_there_is_no_import_cycle() -> None:
    edges = {module(f): {n for n in imports(f) if n.startswith("selfsup")} for f in FILES}
    done: set[str] = set()
    while ready := {m for m, needs in edges.items() if m not in done and needs <= done | {m}}:
        done |= ready
    assert done == set(edges), f"in a cycle, or imported and not there: {set(edges) - done}"


def module(file: Path) -> str:
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_nothing_runs_foreign_code() -> None:
    forbidden = ("weights_only=False", "allow_pickle=True", "pickle.load", "joblib.load", "load_from_checkpoint", "eval(")
    for file in FILES:
        text = file.read_text().replace("model.eval()", "").replace(".eval()", "")
        assert not [word for word in forbidden if word in text], file
