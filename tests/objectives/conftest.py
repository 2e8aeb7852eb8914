"""What the tests of several objectives share: a tiny encoder and views; and the table that test_table.py ends with."""

import re

import pytest
import torch
from torch import nn

from selfsup.encoders.base import Encoder

CELL = re.compile(r"/test_table\.py::test_(?P<promise>\w+)\[(?P<objective>.+)\]$")
MARKS = {"passed": "yes", "failed": "NO", "error": "NO", "skipped": "-"}


class Pooled(Encoder):
    """A convolution, BatchNorm, dropout and the mean."""

    def __init__(self, dropout):
        super().__init__(3, 0.5, 0.25)
        self.dim = 6
        layers = [nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.Tanh(), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers)

    def feature_map(self, image):
        return self.layers(self.normalize(image))

    def pyramid(self, image):
        return [self.feature_map(image)]

    def forward(self, image):
        return self.feature_map(image).mean(dim=(2, 3))


@pytest.fixture
def make_encoder():
    """Share of dropout -> a tiny encoder, the same each time."""

    def make(dropout=0.0):
        torch.manual_seed(0)
        return Pooled(dropout)

    return make


@pytest.fixture
def make_views():
    """Seed -> two views of five galaxies in float64, and further ones, smaller."""

    def make(seed=1, local=0, dtype=torch.float64):
        random = torch.Generator().manual_seed(seed)
        galaxies = torch.rand(5, 3, 1, 1, generator=random, dtype=torch.float64)

        def view(px):
            noise = torch.rand(5, 3, px, px, generator=random, dtype=torch.float64)
            return ((2 * galaxies + noise) / 3).to(dtype)

        return {"global": [view(8), view(8)]} | ({"local": [view(4) for _ in range(local)]} if local else {})

    return make


@pytest.fixture
def agree():
    """Asserts that two scalars and their gradients are the same, and that the gradients are there."""

    def check(quick, slow, parameters, rtol=1e-9):
        torch.testing.assert_close(quick, slow, rtol=rtol, atol=0)
        pairs = [torch.autograd.grad(total, parameters, retain_graph=True) for total in (quick, slow)]
        assert max(gradient.abs().max() for gradient in pairs[0]) > 1e-6
        for one, other in zip(*pairs, strict=True):
            torch.testing.assert_close(one, other, rtol=100 * rtol, atol=rtol)

    return check


def pytest_terminal_summary(terminalreporter):
    """Objectives x promises, where test_table.py ran: yes, NO, - (skipped), or nothing (not asked for)."""
    marks = {}
    for outcome, mark in MARKS.items():
        for report in terminalreporter.stats.get(outcome, []):
            if cell := CELL.search(report.nodeid):
                marks[cell["objective"], cell["promise"]] = mark
    promises = list(dict.fromkeys(promise for _, promise in marks))
    if promises:
        terminalreporter.section("promises")
        terminalreporter.write_line(f"{'':18}" + "".join(f"{promise:>14}" for promise in promises))
    for objective in sorted({objective for objective, _ in marks}):
        row = "".join(f"{marks.get((objective, promise), ''):>14}" for promise in promises)
        terminalreporter.write_line(f"{objective:18}{row}")
