"""Who may import whom, and what no room may import: the table of the house, held by the source itself."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "selfsup"
ANY = {"*"}
EVERYWHERE = {
    "types",
    "durable",
    "extras",
    "interpreter",
    "locks",
    "processors",
    "secrets",
    "signals",
    "spelling",
    "stopping",
    "spreadsheet",
    "versions",
}
"""May be imported from anywhere, and import nothing themselves."""
MAY_IMPORT = {
    "types": set(),
    "durable": set(),
    "extras": {"types"},
    "interpreter": set(),
    "locks": set(),
    "processors": set(),
    "secrets": set(),
    "signals": set(),
    "spelling": set(),
    "stopping": {"signals", "types"},
    "spreadsheet": set(),
    "versions": set(),
    "catalogue_files": set(),
    "catalogue_values": set(),
    "catalogue": {"catalogue_files", "catalogue_values"},
    "votes": set(),
    "trees": {"votes"},
    "config": set(),
    "logging_gate": set(),
    "composition": {"logging_gate"},
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
    "__main__": {"config", "composition"},  # and the task that was asked for, by name
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


RUNS_CODE = {
    *("pickle.load", "pickle.loads", "pickle.Unpickler", "dill.load", "dill.loads", "cloudpickle.load"),
    *("cloudpickle.loads", "marshal.load", "marshal.loads", "shelve.open", "joblib.load", "pandas.read_pickle"),
    *("torch.hub.load", "torch.jit.load", "skops.io.load", "hydra.utils.instantiate", "hydra.utils.call"),
    *("yaml.load", "yaml.load_all", "yaml.full_load", "yaml.unsafe_load", "yaml.unsafe_load_all"),
    *("os.system", "os.popen", "os.execv", "os.execvp", "os.execve", "os.spawnv", "subprocess.getoutput"),
    *("subprocess.getstatusoutput", "runpy.run_path", "runpy.run_module", "eval", "exec", "compile", "__import__"),
    *("code.interact", "shutil.unpack_archive", "importlib.util.spec_from_file_location"),
}
"""Calls that turn what a file or a text says into code."""
METHODS = {"load_from_checkpoint", "extractall", "read_pickle", "unsafe_load"}
"""The same, of whatever object."""
MUST_BE = {"weights_only": True, "allow_pickle": False, "shell": False, "trust_repo": None}
"""Argument -> what alone it may be."""
LOADERS = {"torch.load": "weights_only", "numpy.load": "allow_pickle"}
"""Loader -> the argument without which its default, which versions change, would decide."""
MAY_IMPORT_BY_NAME = {"__init__.py", "__main__.py", "config.py", "extras.py", "sweeps/search.py"}
"""Modules that import what a text names: a list of their own, the tasks, or what has passed the gate."""
SCRIPTS = sorted((PACKAGE.parent / "scripts").glob("*.py"))


def known_as(tree: ast.AST) -> dict[str, str]:
    """Name in a module -> the dotted name that it stands for, whatever it was imported as."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for each in node.names:
                top = each.name.split(".")[0]
                found[each.asname or top] = each.name if each.asname else top
        elif isinstance(node, ast.ImportFrom):
            found |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
    return found


def dotted(node: ast.expr, names: dict[str, str]) -> str:
    """np.load -> numpy.load; "" of what is not a chain of names."""
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        home = dotted(node.value, names)
        return f"{home}.{node.attr}" if home else ""
    return ""


def dangers(source: str) -> list[str]:
    """What in a module could run what a file says; calls and mere mentions, under any name."""
    tree = ast.parse(source)
    names, found = known_as(tree), []
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
            name = dotted(node, names)
            found += [name] if name in RUNS_CODE else []
            found += [node.attr] if isinstance(node, ast.Attribute) and node.attr in METHODS else []
        if isinstance(node, ast.Call):
            found += _arguments(node, dotted(node.func, names))
    return found


def _arguments(call: ast.Call, name: str) -> list[str]:
    given = {each.arg: each.value for each in call.keywords}
    wrong = [
        key
        for key, value in given.items()
        if key in MUST_BE and not (isinstance(value, ast.Constant) and value.value is MUST_BE[key])
    ]
    needed = LOADERS.get(name)
    return wrong + ([f"{name} without {needed}"] if needed and needed not in given else [])


@pytest.mark.promise("code")
@pytest.mark.parametrize("file", [*FILES, *SCRIPTS], ids=lambda f: f"{f.parent.name}/{f.name}")
def test_nothing_runs_foreign_code(file: Path) -> None:
    assert dangers(file.read_text()) == []


def test_few_modules_import_what_a_text_names() -> None:
    found = {str(file.relative_to(PACKAGE)) for file in FILES if "import_module" in file.read_text()}
    assert found == MAY_IMPORT_BY_NAME


SMUGGLED = {
    "import pickle as p\np.loads(b'')": "pickle.loads",
    "from pickle import loads as harmless\nmap(harmless, [])": "pickle.loads",
    "import torch\ntorch.load('x')": "torch.load without weights_only",
    "import torch\ntorch.load('x', weights_only=flag)": "weights_only",
    "from torch import load\nload('x', weights_only=False)": "weights_only",
    "import numpy as np\nnp.load('x')": "numpy.load without allow_pickle",
    "import numpy as np\nnp.load('x', allow_pickle=not 0)": "allow_pickle",
    "import yaml\nyaml.load('x', yaml.UnsafeLoader)": "yaml.load",
    "import subprocess\nsubprocess.run('x', shell=True)": "shell",
    "from torch import hub\nhub.load('x')": "torch.hub.load",
    "Model.load_from_checkpoint('x')": "load_from_checkpoint",
    "import tarfile\ntarfile.open('x').extractall()": "extractall",
    "run = exec\nrun('x')": "exec",
    "import os as o\no.system('x')": "os.system",
}


@pytest.mark.promise("code")
@pytest.mark.parametrize("source", SMUGGLED)
def test_it_would_be_seen_under_another_name(source: str) -> None:
    assert SMUGGLED[source] in dangers(source)
