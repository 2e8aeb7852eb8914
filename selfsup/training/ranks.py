"""The processes of one training: how they meet, agree, wait for the first of them, and end together with one message.

All of this goes through the store at which torch.distributed meets, not through collective operations: a wait there may
last as long as a data set is packed or probed, where gloo and NCCL give up after minutes, and it works before there is
a device and after another process has gone.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

from lightly.utils.dist import world_size
from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.pytorch.utilities import rank_zero_only
from torch import distributed
from torch._C._distributed_c10d import PrefixStore, Store

from selfsup.types import ConfigError

T = TypeVar("T")

MEET_S = 600.0
"""So long may a process take to start (imports from a slow disk) before the others give up."""
PART_S = 60.0
"""So long the first process, where the store lives, stays for the others to take their leave."""
POLL_S = 0.1
_ENDED = "ended"
"""Key under which the first process that fails leaves its exit code."""


class Ranks:
    """This process among those that train together.

    Args:
        environment: what Lightning asks for ranks and addresses; None: nobody else is there.
        rank: number of this process, from 0.
        size: number of processes.
        nodes: number of machines.
        store: where they meet; None for one process.
    """

    def __init__(
        self,
        environment: ClusterEnvironment | None = None,
        rank: int = 0,
        size: int = 1,
        nodes: int = 1,
        store: Store | None = None,
    ) -> None:
        self.environment, self.rank, self.size, self.nodes = environment, rank, size, nodes
        self._store = store
        self._turns = 0

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes files."""
        return self.rank == 0

    def only_first(self, work: Callable[[], T]) -> T | None:
        """Let the first process do this, while the others wait, however long it takes; they get None."""
        key = self._next()
        if not self.is_first:
            self._wait(key)
            return None
        done = work()
        if self._store is not None:
            self._store.set(key, "done")
        return done

    def agree(self, value: Callable[[], str]) -> str:
        """What the first process finds; the others do not look."""
        key = self._next()
        if self._store is None:
            return value()
        if self.is_first:
            self._store.set(key, value())
        self._wait(key)
        return self._store.get(key).decode()

    def part(self) -> None:
        """Leave together, all being well."""
        if self._store is None:
            return
        self._store.add("parted", 1)
        until = time.monotonic() + PART_S
        while self.is_first and self._store.add("parted", 0) < self.size and time.monotonic() < until:
            time.sleep(POLL_S)
        if distributed.is_initialized():
            distributed.destroy_process_group()

    def speaks_of(self, code: int) -> int | None:
        """None if this is the first process that fails, with this exit code; else the code of that one.

        Those that come later failed because it has gone, and their messages would hide its own.
        """
        if self._store is None:
            return None
        try:
            found = json.loads(self._store.compare_set(_ENDED, "", json.dumps([self.rank, code])))
        except distributed.DistError:  # the store has gone with the first process
            return 1
        return None if found[0] == self.rank else int(found[1])

    def _next(self) -> str:
        """All processes count alike, because all of them take the same turns."""
        self._turns += 1
        return f"turn {self._turns}"

    def _wait(self, key: str) -> None:
        while self._store is not None and not self._store.check([key]):
            if self._store.check([_ENDED]):
                raise SystemExit(1)
            time.sleep(POLL_S)


def environment() -> ClusterEnvironment | None:
    """Who started this process as one of several: torchrun, srun, or `launch`; None: nobody.

    On Slurm without Lightning's own requeueing, which would save within a signal handler: see `interruption`.
    """
    if TorchElasticEnvironment.detect():
        return TorchElasticEnvironment()
    on_slurm = SLURMEnvironment.detect()
    if "LOCAL_RANK" in os.environ and not (on_slurm and int(os.environ["SLURM_NTASKS"]) > 1):
        return LightningEnvironment()
    return SLURMEnvironment(auto_requeue=False) if on_slurm else None


def said_by_all(text: str) -> str:
    """What the processes of a training say, in their order, those that say nothing left out; all have to ask."""
    said = [text] * world_size()
    if len(said) > 1:
        distributed.all_gather_object(said, text)
    return "\n".join(filter(None, said))


@contextmanager
def together(devices: int) -> Iterator[Ranks]:
    """Meet the other processes; on an error of any, all end, and the first to fail is the only one that says why.

    Args:
        devices: `trainer.devices`: 1 where torchrun or srun counts.

    Raises:
        ConfigError: torchrun or srun started another number of processes than `devices`.
    """
    ranks = _meet(devices)
    try:
        yield ranks
    except BaseException as error:
        code = error.code if isinstance(error, SystemExit) else 1
        if code == 0:  # `Interrupted` on a process that is not the first
            raise
        told = ranks.speaks_of(code if isinstance(code, int) else 1)
        if told is None:
            if ranks.size > 1:
                error.add_note(f"(in process {ranks.rank} of {ranks.size}, counted from 0)")
            raise
        raise SystemExit(told) from None
    ranks.part()


def _meet(devices: int) -> Ranks:
    found = environment()
    if found is None:
        return Ranks()
    size, here = _counted(found, devices)
    if size == 1:
        return Ranks(found)
    rank = found.local_rank() if isinstance(found, LightningEnvironment) else found.global_rank()
    rank_zero_only.rank = rank  # type: ignore[attr-defined]  # Lightning's own way to tell loggers
    limit = timedelta(seconds=MEET_S)
    address = f"tcp://{found.main_address}:{found.main_port}"
    store, _, _ = next(distributed.rendezvous(address, rank, size, timeout=limit))  # type: ignore[attr-defined]
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")  # torchrun's store outlives the processes
    return Ranks(found, rank, size, size // here, PrefixStore(f"selfsup {attempt}", store))


def _counted(found: ClusterEnvironment, devices: int) -> tuple[int, int]:
    """Processes of all machines, and of this one."""
    if isinstance(found, LightningEnvironment):
        return devices, devices
    size = found.world_size()
    here = os.environ.get("LOCAL_WORLD_SIZE" if isinstance(found, TorchElasticEnvironment) else "SLURM_NTASKS_PER_NODE")
    count = int(here or size)
    if devices not in (1, count):
        raise ConfigError(
            f"trainer.devices: {devices}, and torchrun or srun started {count} processes on each machine; leave "
            "trainer.devices to them"
        )
    return size, count
