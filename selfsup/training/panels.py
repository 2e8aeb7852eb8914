"""What a dashboard can show besides curves: figures, tables, confusion charts, galaxies with what was said of them.

Loggers that cannot show a thing are passed over: the same files lie in the run folder.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import wandb
from lightning.pytorch.loggers import Logger
from PIL import Image

from selfsup.training.loggers import TensorBoard
from selfsup.training.wandb_run import WandbRun


def show_figure(loggers: Iterable[Logger], name: str, path: Path) -> None:
    """Show an image file."""
    for logger in loggers:
        if isinstance(logger, WandbRun):
            logger.log_image(name, [str(path)])
        elif isinstance(logger, TensorBoard):
            with Image.open(path) as figure:
                logger.log_image(name, np.asarray(figure.convert("RGB")))


def show_table(loggers: Iterable[Logger], name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Show a table."""
    for logger in _runs(loggers):
        logger.log_table(name, list(columns), [list(row) for row in rows])


def show_confusion(loggers: Iterable[Logger], name: str, counts: np.ndarray, classes: Sequence[str]) -> None:
    """Show (K, K) counts, rows true and columns predicted, as W&B's own confusion chart."""
    columns: list[str | int] = ["Actual", "Predicted", "nPredictions"]
    rows = [[classes[true], classes[guess], int(n)] for (true, guess), n in np.ndenumerate(counts)]
    for logger in _runs(loggers):
        table = wandb.Table(columns=columns, data=rows)
        fields = {str(column): str(column) for column in columns}
        chart: Any = wandb.plot_table("wandb/confusion_matrix/v1", table, fields, {"title": name})
        logger.log_metrics({name: chart})


def show_galaxies(
    loggers: Iterable[Logger],
    name: str,
    ids: Sequence[str],
    columns: Mapping[str, np.ndarray],
    pictures: Callable[[Sequence[str]], np.ndarray],
) -> None:
    """Show a table of galaxies, each a row with its picture: `logger.galaxies` of them, evenly spaced.

    Args:
        loggers: of the run.
        name: of the table.
        ids: of the N galaxies.
        columns: name -> (N,) values; NaN leaves a cell empty.
        pictures: ids -> (n, H, W, 3) uint8.
    """
    for logger in _runs(loggers):
        chosen = np.unique(np.linspace(0, len(ids) - 1, min(logger.galaxies, len(ids))).astype(int))
        shown = [ids[row] for row in chosen]
        images = [wandb.Image(picture) for picture in pictures(shown)]
        cells = [[_cell(value) for value in values[chosen]] for values in columns.values()]
        show_table([logger], name, ["id", "image", *columns], list(zip(shown, images, *cells, strict=True)))


def _runs(loggers: Iterable[Logger]) -> Iterator[WandbRun]:
    return (logger for logger in loggers if isinstance(logger, WandbRun))


def _cell(value: Any) -> Any:
    """A value of an array as a plain one; NaN becomes None."""
    plain = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(plain, float) and np.isnan(plain) else plain
