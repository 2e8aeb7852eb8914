"""What the tests of the sky share: the survey that Galaxy Zoo 2 looked at."""

from pathlib import Path

import pytest
import yaml

from selfsup.sky.survey import Survey

SDSS = Path(__file__).parents[2] / "conf" / "survey" / "sdss.yaml"


@pytest.fixture(scope="session")
def survey():
    return Survey.from_config(yaml.safe_load(SDSS.read_text()))
