"""The round of a campaign that waits for answers, as the explorer asks them (`task=label` with `task.ask=csv`)."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path

from selfsup import trees
from selfsup.explorer.labelling import Asked
from selfsup.tasks._campaign import ANSWERS, PLAN, round_of
from selfsup.types import ConfigError
from selfsup.votes import QuestionTree


def tree_of(campaign: Path) -> QuestionTree:
    """The tree of a campaign's questions.

    Raises:
        ConfigError: the folder holds none.
    """
    try:
        name = json.loads((campaign / PLAN).read_bytes())["data"]["tree"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"task.campaign: {campaign} holds no campaign ({error}); begin it by task=label") from error
    return trees.tree(str(name))


def waiting(campaign: Path, tree: QuestionTree) -> Asked | None:
    """The first round without answers, if its galaxies are chosen."""
    for number in count():
        each = round_of(campaign, number, tree)
        if not (each.folder / ANSWERS).is_file():
            ids = each.asked
            return None if ids is None else Asked(number, each.folder, ids, tree, each.answer)
    return None
