"""One property, tried on few inputs in every test run and on many by `-m slow`: the same each time."""

import pytest
from hypothesis import HealthCheck, given, settings

from selfsup.types import ConfigError, DataError

ODD = ["", " ", "\0", "a_b", "_", "é", "\u202e", "💫", "${x}", "../x", "=", "'", "0", "-", "nan", "\ud800"]
"""Texts that trip programs up."""


def often(few, many):
    """A mark: the test is given `examples`, few of them, and where slow tests run, many."""
    return pytest.mark.parametrize("examples", [few, pytest.param(many, marks=pytest.mark.slow)])


def tried(body, examples, record_property, **strategies):
    """Call `body` with what the strategies make, so many times; each is counted as a fault."""
    how = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    how(given(**strategies)(body))()
    record_property("faults", examples)


def answer(ask, *arguments):
    """What a call returns, and ""; or nothing, and the message with which it refuses."""
    try:
        return ask(*arguments), ""
    except (ConfigError, DataError) as error:
        return None, str(error)
