"""The format of an exported file is the ending of its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from selfsup.exports.content import Content
from selfsup.exports.csv_table import write_csv
from selfsup.exports.fits_table import write_fits
from selfsup.exports.voparquet import write_voparquet
from selfsup.exports.votable import write_votable
from selfsup.types import ConfigError

FORMATS: dict[str, Callable[[Content, Path], None]] = {
    ".fits": write_fits,
    ".vot": write_votable,
    ".xml": write_votable,
    ".parquet": write_voparquet,
    ".csv": write_csv,
}
"""Ending -> what writes such a file."""


def writer_of(file: Path) -> Callable[[Content, Path], None]:
    """What writes a file of this name.

    Raises:
        ConfigError: no format has this ending.
    """
    if file.suffix.lower() not in FORMATS:
        raise ConfigError(f"task.output={file}: name a file that ends in {', '.join(FORMATS)}")
    return FORMATS[file.suffix.lower()]
