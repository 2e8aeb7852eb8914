"""Who may import whom, and what no room may import: the table of the house, held by the source itself."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "selfsup"
ANY = {"*"}
EVERYWHERE = {"types", "durable", "extras", "locks", "signals", "spelling", "versions"}
"""May be imported from anywhere, and import nothing themselves."""
MAY_IMPORT = {
    "types": set(),
    "durable": set(),
    "extras": {"types"},
    "locks": set(),
    "signals": set(),
    "spelling": set(),
    "versions": set(),
    "catalogue_files": set(),
    "catalogue_values": set(),
    "catalogue": {"catalogue_files", "catalogue_values"},
    "votes": set(),
    "trees": {"votes"},
    "config": set(),
    "checkpoint": set(),
    "encoders": set(),
    "views": set(),
    "sky": {"votes", "trees"},
    "data": {"votes", "trees", "sky"},
    "objectives": {"votes", "trees", "encoders"},
    "posteriors": {"votes"},
    "analysis": {"catalogue", "votes", "posteriors"},
    "probes": {"catalogue", "votes", "analysis"},
    "report": {"catalogue", "votes"},
    "exports": {"catalogue"},
    "explorer": {"catalogue", "catalogue_files", "votes", "trees", "analysis", "exports"},
    "dropout": {"embed", "objectives", "posteriors", "votes", "trees"},
    "embed": {"config", "checkpoint", "encoders", "catalogue"},
    "evaluate": {"embed", "data", "encoders", "probes", "catalogue"},
    "inference": {"embed", "data", "encoders", "catalogue", "dropout", "posteriors"},
    "publishing": {"config", "checkpoint", "embed", "encoders", "data"},
    "evaluate_head": {"evaluate", "embed", "data", "probes"},
    "training": {"checkpoint", "views", "objectives", "evaluate", "probes", "data"},
    "sweeps": {"data"},
    "tasks": ANY - {"__main__"},
    "__main__": {"config"},  # and the task that was asked for, by name
    "__init__": set(),
}
LOOKING = ("catalogue", "catalogue_files", "catalogue_values", "durable", "votes", "trees", "posteriors")
LOOKING += ("analysis", "report", "exports", "explorer")
"""The half that looks, and what it is made of."""
NEVER = {
    **{room: {"torch", "lightning", "torchvision"} for room in LOOKING},
    **{room: {"lightning", "hydra"} for room in ("objectives", "encoders", "views", "probes", "sky")},
}
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
    allowed = MAY_IMPORT[here] if here in EVERYWHERE else MAY_IMPORT[here] | EVERYWHERE
    for name in imports(file):
        top, *rest = name.split(".")
        assert top not in NEVER.get(here, set()), f"{here} must not import {top}"
        assert top != "pytorch_lightning"
        if top == "selfsup" and rest and rest[0] != here and MAY_IMPORT[here] != ANY:
            assert rest[0] in allowed, f"{here} must not import selfsup.{rest[0]}"


INITS = [f for f in FILES if f.name == "__init__.py" and f.parent != PACKAGE]
"""The package's own is the Python API, imported when it is asked for."""


@pytest.mark.parametrize("file", INITS, ids=str)
def test_an_init_is_one_docstring(file: Path) -> None:
    body = ast.parse(file.read_text()).body
    assert len(body) == 1
    assert isinstance(body[0], ast.Expr)


@pytest.mark.parametrize("kind", ["objectives", "encoders", "probes"])
def test_methods_do_not_know_each_other(kind: str) -> None:
    methods = methods_of(kind)
    assert methods
    for file in (PACKAGE / kind).glob("*.py"):
        known = {name.split(".")[2] for name in imports(file) if name.startswith(f"selfsup.{kind}.")}
        assert not known & methods, f"{file.name} imports {known & methods}"


def methods_of(kind: str) -> set[str]:
    """The modules of a room that its group of the configuration names; the others (base, parts) are for all."""
    texts = [file.read_text() for file in (PACKAGE.parent / "conf" / kind.removesuffix("s")).glob("*.yaml")]
    return {name for text in texts for name in re.findall(rf"_target_: selfsup\.{kind}\.(\w+)\.", text)}


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
    forbidden = (
        "weights_only=False",
        "allow_pickle=True",
        "pickle.load",
        "joblib.load",
        "load_from_checkpoint",
        "eval(",
    )
    for file in FILES:
        text = file.read_text().replace("model.eval()", "").replace(".eval()", "")
        assert not [word for word in forbidden if word in text], file
