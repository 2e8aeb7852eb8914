"""What is depended on: floors above the holes that are known, and a bill of materials of what is installed."""

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

ADVISORIES = {
    "CVE-2026-69244": ("aiohttp", "3.14.3"),  # a parser that can be kept busy
    "CVE-2026-54273": ("aiohttp", "3.14.1"),
    "CVE-2024-24762": ("fastapi", "0.109.1"),
    "CVE-2025-43859": ("h11", "0.16.0"),  # request smuggling
    "GHSA-37p2-j732-x8pj": ("hydra-core", "1.3.8"),  # logging.os.system
    "CVE-2025-27516": ("jinja2", "3.1.6"),
    "CVE-2026-58659": ("lightning", "2.6.6"),  # a checkpoint's _instantiator
    "CVE-2026-28500": ("onnx", "1.21.0"),
    "CVE-2026-34445": ("onnx", "1.21.0"),  # attributes set by a model's file
    "CVE-2026-27489": ("onnx", "1.21.0"),
    "CVE-2025-48379": ("pillow", "11.3.0"),
    "CVE-2026-25990": ("pillow", "12.1.1"),  # PSD, out-of-bounds write
    "CVE-2026-40192": ("pillow", "12.2.0"),  # FITS, a bomb
    "CVE-2026-59200": ("pillow", "12.3.0"),
    "CVE-2026-55798": ("pillow", "12.3.0"),
    "CVE-2026-0994": ("protobuf", "6.33.5"),
    "CVE-2023-47248": ("pyarrow", "14.0.1"),  # a pickle in Parquet
    "CVE-2026-25087": ("pyarrow", "23.0.1"),  # use after free
    "CVE-2026-27482": ("ray", "2.54.0"),
    "CVE-2024-47081": ("requests", "2.32.4"),
    "CVE-2024-5206": ("scikit-learn", "1.5.0"),
    "CVE-2025-62727": ("starlette", "0.49.1"),  # a Range that takes for ever
    "CVE-2026-48710": ("starlette", "1.0.1"),
    "CVE-2026-54283": ("starlette", "1.3.1"),
    "CVE-2025-32434": ("torch", "2.6.0"),  # weights_only=True ran code
    "GHSA-63cw-57p8-fm3p": ("torch", "2.10.0"),
    "CVE-2025-66418": ("urllib3", "2.6.0"),
    "CVE-2026-21441": ("urllib3", "2.6.3"),
}
"""Advisory -> package, and the version that closed it."""
STOLEN = {"GHSA-w37p-236h-pfx3": ("lightning", ("2.6.2", "2.6.3"))}
"""Releases that were published by a thief."""


def requirements():
    """Every one of the project: its own, its extras', its development's, and the constraints on what those bring."""
    project = PROJECT["project"]
    texts = [*project["dependencies"], *PROJECT["tool"]["uv"]["constraint-dependencies"]]
    texts += [text for extra in project["optional-dependencies"].values() for text in extra]
    texts += [text for group in PROJECT["dependency-groups"].values() for text in group]
    return [each for each in map(Requirement, texts) if each.name != "selfsup"]


def floor(requirement):
    """The lowest version that is let in."""
    floors = [Version(each.version) for each in requirement.specifier if each.operator in (">=", "==", "~=")]
    return max(floors, default=None)


@pytest.mark.promise("supply")
@pytest.mark.parametrize("advisory", ADVISORIES)
def test_the_floor_is_above_what_is_known(advisory):
    package, closed = ADVISORIES[advisory]
    named = [each for each in requirements() if canonicalize_name(each.name) == package]
    assert named, f"{package} has no floor"
    assert all(floor(each) >= Version(closed) for each in named), f"{advisory}: {package} before {closed} is let in"
    assert not any(each.specifier.contains(f"{closed}.dev0", prereleases=True) for each in named)


@pytest.mark.promise("supply")
@pytest.mark.parametrize("advisory", STOLEN)
def test_a_stolen_release_is_not_let_in(advisory):
    package, releases = STOLEN[advisory]
    for each in requirements():
        assert each.name != package or not any(map(each.specifier.contains, releases))


@pytest.mark.parametrize("requirement", requirements(), ids=str)
def test_every_dependency_has_a_floor(requirement):
    assert floor(requirement) is not None


def test_what_is_installed_is_above_the_floors():
    for package, closed in ADVISORIES.values():
        if package != "ray":  # of an extra
            assert Version(version(package)) >= Version(closed)


def test_the_bill_of_materials_lists_all_that_is_reached(tmp_path):
    file = tmp_path / "bill.json"
    subprocess.run([sys.executable, str(ROOT / "scripts" / "sbom.py"), str(file)], check=True)
    bill = json.loads(file.read_text())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert bill["metadata"]["component"]["name"] == "selfsup"
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", bill["serialNumber"])
    listed = {each["name"]: each for each in bill["components"]}
    own = {canonicalize_name(Requirement(text).name) for text in PROJECT["project"]["dependencies"]}
    assert own <= listed.keys()
    assert "markupsafe" in listed  # of Jinja2, of PyTorch
    assert listed["torch"]["version"] == version("torch")
    references = {each["bom-ref"] for each in [bill["metadata"]["component"], *bill["components"]]}
    assert len(references) == len(listed) + 1
    for each in bill["dependencies"]:
        assert each["ref"] in references
        assert set(each["dependsOn"]) <= references
