"""Text in cells of CSV that a spreadsheet would run as a formula (CWE-1236; OWASP ASVS 1.2.10), kept from it.

It gets a ' before it, and so does text that looks like it did already: what is taken off again is what was put on.
"""

from __future__ import annotations

import re

RISKY = r"^('*[=+\-@\t\r\n\x00])"
"""How text begins that is guarded, for Arrow's and Python's regular expressions."""
_GUARDED = re.compile(rf"^'(?={RISKY[1:]})")


def guarded(text: str) -> str:
    """Text that no spreadsheet runs."""
    return f"'{text}" if re.match(RISKY, text) else text


def unguarded(text: str) -> str:
    """The text of which `guarded` made this."""
    return text[1:] if _GUARDED.match(text) else text
