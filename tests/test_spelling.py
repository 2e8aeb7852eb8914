"""What is quoted is read as it was."""

import shlex

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import example, given
from hypothesis import strategies as st

from selfsup.spelling import quoted, retyped

PARSER = OverridesParser.create()
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]))
HARD = ["a b", "it's", "C:\\", "back\\'slash", 'say "a"', "a,b=c", "[x]", "{y}", "ends\\\\", "~/x", "$(ls)", '\\\\"']


def hard(test):
    for text in HARD:
        test = example(text)(test)
    return given(TEXTS)(test)


def read(override):
    [parsed] = PARSER.parse_overrides([override])
    return parsed.value()


@pytest.mark.promise("inputs", faults=100)
@hard
def test_any_text_can_be_quoted(text):
    assert read(f"data.folder={quoted(text)}") == text


@pytest.mark.promise("inputs", faults=100)
@hard
def test_what_is_said_of_a_text_that_cannot_be_read_can_be_typed(text):
    _, _, said = retyped(f"data.folder={text}").rpartition("for Hydra: ")
    [typed] = shlex.split(said)
    assert read(typed) == text
