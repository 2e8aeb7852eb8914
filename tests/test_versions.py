"""Versions are those of what runs; what is not installed is left out."""

import platform

import numpy

from selfsup.versions import versions


def test_versions_of_python_and_of_what_is_installed():
    assert versions(["numpy", "no-such-package"]) == {
        "python": platform.python_version(),
        "numpy": numpy.__version__,
    }
