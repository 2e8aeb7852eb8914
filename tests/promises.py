"""What is promised, and how many faults that survived: a table after the tests; `pytest -m promise` tries them all.

A test that tries to break a promise is marked with its name: `@pytest.mark.promise("kills")`. It counts as one fault,
or as many as the mark's `faults=` or the test's `record_property("faults", n)` says; all of them are survived where
the test passes, and none where it fails.
"""

from collections import Counter

import pytest

PROMISES = {
    "code": "a configuration, checkpoint or catalogue runs no foreign code",
    "hostile": "images, tables and archives are read right, or set aside with the reason",
    "kills": "killed at any moment, nothing is lost, torn or done twice",
    "disk": "a full disk leaves the last good state, and says so",
    "writers": "two writers never mix: one waits, or is refused by name",
    "resume": "what was interrupted ends as if it had not been",
    "ranks": "several processes compute what one does",
    "numbers": "a non-finite loss or a collapse is announced, never saved",
    "sweeps": "a sweep outlives its jobs, whatever they die of",
    "explorer": "the page lets nobody in, and nothing out",
    "secrets": "a secret reaches no file",
    "loggers": "loggers and networks never stop a run",
    "resources": "memory stays flat; what runs out is named",
    "inputs": "any input is understood, or refused by name",
    "supply": "dependencies have floors above known holes",
}
"""Name -> what is promised, in the order of the table."""


def pytest_configure(config):
    config.addinivalue_line("markers", "promise(name, faults=1): tries to break one of tests/promises.py; -m promise")
    config.pluginmanager.register(Table())


def pytest_collection_modifyitems(items):
    for item in items:
        for mark in item.iter_markers("promise"):
            if mark.args[0] not in PROMISES:
                raise pytest.UsageError(f"{item.nodeid}: no promise `{mark.args[0]}` in tests/promises.py")
            if mark is item.get_closest_marker("promise"):
                item.user_properties.append(("promise", mark.args[0]))
                item.user_properties.append(("faults", mark.kwargs.get("faults", 1)))


class Table:
    """What the reports say, also those of other processes."""

    def __init__(self):
        self.found = {name: Counter() for name in PROMISES}

    def pytest_runtest_logreport(self, report):
        told = dict(report.user_properties)
        if "promise" in told and (report.when == "call" or not report.passed):
            self.found[told["promise"]][report.outcome] += told["faults"]

    def pytest_terminal_summary(self, terminalreporter):
        found = {name: told for name, told in self.found.items() if told}
        if not found:
            return
        terminalreporter.section("promises")
        width = max(map(len, PROMISES.values()))
        terminalreporter.line(f"{'promise':{width}} {'faults tried':>13} {'survived':>9} {'not run':>8}")
        for name, told in found.items():
            terminalreporter.line(_row(PROMISES[name], told, width))
        terminalreporter.line(_row("all", sum(found.values(), Counter()), width))


def _row(told, found, width):
    return f"{told:{width}} {found['passed'] + found['failed']:>13,} {found['passed']:>9,} {found['skipped']:>8,}"
