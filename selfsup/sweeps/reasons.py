"""What a process died of, in one line: from its exit code, what it said last, and what the kernel counts."""

import os
import re
import shutil
import signal
from pathlib import Path

TAIL_BYTES = 64 * 1024
LONGEST = 300
"""Characters of a reason."""
FULL_BYTES = 1024 * 1024
"""A disk with less room than this is full."""
_MESSAGE = re.compile(r"^selfsup: (.+?)(?=\n\n|\Z)", re.MULTILINE | re.DOTALL)
_RAISED = re.compile(r"^Traceback \(most recent call last\):\n(?:[ \t].*\n|\n)*(\S.*)", re.MULTILINE)


def reason(code: int, said: str, killed_for_memory: bool, folder: Path) -> str:
    """Why a process ended as it did.

    Args:
        code: its exit code; negative: the signal that killed it.
        said: the end of its output.
        killed_for_memory: whether the kernel has killed a process for memory in its time.
        folder: where it wrote.
    """
    words = "" if code < 0 else _last_words(said)
    if code < 0 or (code > 128 and not words):  # a shell, or a parent of ranks, says 128 and the signal's number
        parts = [_killed(-code if code < 0 else code - 128, killed_for_memory)]
    else:
        parts = [words or f"exit code {code}, without a message"]
    if not _has_room(folder):
        parts.append("the disk is full")
    return "; ".join(parts)


def tail(file: Path, begin: int) -> str:
    """The end of a file's text, of what was written after `begin`."""
    with file.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(begin, size - TAIL_BYTES))
        return stream.read().decode(errors="replace")


def oom_kills() -> int:
    """How many processes of this control group the kernel has killed for memory (cgroups v2, `memory.events`)."""
    try:
        own = Path("/proc/self/cgroup").read_text().rpartition("::/")[2].strip()
        events = (Path("/sys/fs/cgroup") / own / "memory.events").read_text()
    except OSError:  # another system, or another version of cgroups: then nobody counts
        return 0
    counts = dict(line.split() for line in events.splitlines())
    return int(counts.get("oom_kill", 0))


def _killed(number: int, for_memory: bool) -> str:
    name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
    if number == signal.SIGKILL:
        return f"killed ({name}), " + ("out of memory" if for_memory else "probably out of memory")
    return f"killed ({name}: {signal.strsignal(number)})"


def _last_words(said: str) -> str:
    """The message to the user where there is one, else the exception; "" where it said neither."""
    messages = [found[1] for found in _MESSAGE.finditer(said)]
    raised = [found[1] for found in _RAISED.finditer(said)]
    last = messages[-1] if messages else raised[-1] if raised else ""
    line = "; ".join(part.strip() for part in last.splitlines() if part.strip())
    line = re.sub(r"^(?:\w+\.)+(?=[A-Z]\w*)", "", line) if not messages else line
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}..."


def _has_room(folder: Path) -> bool:
    return shutil.disk_usage(folder).free >= FULL_BYTES
