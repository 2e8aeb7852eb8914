"""Packages that only some work needs, imported when it does: an error names the extra that brings them."""

from __future__ import annotations

import importlib
from typing import Any

from selfsup.types import ConfigError


def optional(module: str, extra: str) -> Any:
    """The module of an extra of this package.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if (error.name or "").partition(".")[0] != package:  # it is there, and lacks something itself
            raise
        raise ConfigError(f"{package}, which this needs, is not installed: uv sync --extra {extra}") from error
