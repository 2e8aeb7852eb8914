"""Whatever leaves the process is stripped of secrets first: by their names, and by their values in the environment."""

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

SECRET_NAME = re.compile(r"key|token|secret|password|credential|auth", re.IGNORECASE)
SHORTEST_SECRET = 8
"""Characters; a shorter value of the environment ("1", "true") is only a secret where it is the whole text."""


def redact(value: Any) -> Any:
    """The same tree, plain, with "(hidden)" for what a secret's name points to and for what equals a secret.

    A name is a secret's if it contains key, token, secret, password, credential or auth: better one harmless number
    hidden than one password shown. The values of such environment variables are hidden wherever they occur.
    """
    if isinstance(value, Mapping):
        return {key: "(hidden)" if SECRET_NAME.search(str(key)) else redact(part) for key, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [redact(part) for part in value]
    return hide(value) if isinstance(value, str) else value


def hide(text: str) -> str:
    """The text with "(hidden)" for each value of an environment variable whose name is a secret's."""
    for name, secret in os.environ.items():
        if not SECRET_NAME.search(name) or not secret:
            continue
        if text == secret:
            return "(hidden)"
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, "(hidden)")
    return text
