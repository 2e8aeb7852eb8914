"""What is not installed is named with the extra that brings it."""

import pytest

from selfsup.extras import optional
from selfsup.types import ConfigError


def test_a_package_that_is_there_is_imported():
    assert optional("json.decoder", "formats").JSONDecoder


def test_one_that_is_not_is_named_with_its_extra():
    with pytest.raises(ConfigError, match=r"no_such_package.*uv sync --extra formats"):
        optional("no_such_package.part", "formats")


def test_what_an_installed_package_lacks_is_its_own_fault(tmp_path, monkeypatch):
    (tmp_path / "broken_package.py").write_text("import no_such_package\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        optional("broken_package", "formats")
