"""The GPUs of this sweep, and who has them: each is lent to one job at a time, by the name that CUDA knows it by."""

import os
import re
import shutil
import subprocess

VISIBLE = "CUDA_VISIBLE_DEVICES"
_UUID = re.compile(r"UUID: ((GPU|MIG)-[^)]+)\)")


def visible() -> list[str]:
    """Those that this process may use: what CUDA_VISIBLE_DEVICES says, else what the driver lists (no CUDA is started).

    Of a card that is cut into instances (MIG), its instances.
    """
    told = os.environ.get(VISIBLE)
    if told is not None:
        return [name.strip() for name in told.split(",") if name.strip()]
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    listed = subprocess.run([tool, "-L"], capture_output=True, text=True, check=False)
    return instances(listed.stdout) if listed.returncode == 0 else []


def instances(listed: str) -> list[str]:
    """What `nvidia-smi -L` writes -> names; a card without its own where it is cut into instances."""
    names: list[str] = []
    for found in _UUID.finditer(listed):
        if found[2] == "MIG" and names and names[-1].startswith("GPU-"):
            names.pop()
        names.append(found[1])
    return names


class Devices:
    """GPUs that are free.

    Args:
        names: of all.
    """

    def __init__(self, names: list[str]) -> None:
        self.count = len(names)
        self._free = list(names)

    def lend(self, count: int) -> list[str] | None:
        """So many that nobody else has; none where there are none at all; None where too few are free."""
        if not self.count:
            return []
        if count > len(self._free):
            return None
        lent, self._free = self._free[:count], self._free[count:]
        return lent

    def take_back(self, names: list[str]) -> None:
        """They are free again."""
        self._free += names
