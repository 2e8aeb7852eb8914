"""Write a catalogue as a file for TOPCAT, astropy, DuckDB or a spreadsheet; the ending of its name says which."""

import logging
from pathlib import Path

from omegaconf import DictConfig

from selfsup.data.progress import Work, reported
from selfsup.exports.content import Content
from selfsup.exports.formats import writer_of
from selfsup.tasks._catalogue import open_catalogue
from selfsup.types import ConfigError

USES = ()
log = logging.getLogger(__name__)


def run(cfg: DictConfig) -> dict[str, float]:
    """Write `task.output`, in place of a file that is there.

    Returns:
        `galaxies` and `columns` that were written.

    Raises:
        ConfigError: no format has this ending, or the catalogue itself would be overwritten.
        DataError: no such column, or values that the format cannot hold.
    """
    output, catalogue = Path(cfg.task.output).expanduser().resolve(), open_catalogue(cfg)
    write = writer_of(output)
    source = Path(cfg.task.catalogue).expanduser().resolve()
    if source in (output, *output.parents):
        raise ConfigError(f"task.output={output} is the catalogue itself, or within it; name another file")
    output.parent.mkdir(parents=True, exist_ok=True)
    with reported(len(catalogue), Work("writing", "written", "galaxies")) as advance:
        content = Content(catalogue, cfg.task.columns, cfg.task.embedding, advance)
        write(content, output)
    log.info("%s: %d galaxies, %d columns", output, content.rows, len(content.columns))
    return {"galaxies": float(content.rows), "columns": float(len(content.columns))}
