"""A Slurm cluster of two nodes on this machine: a controller, two daemons and munge, in a folder of their own."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "sinfo")
NODES = ("n1", "n2")
CONFIG = """\
ClusterName=selfsup
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmctldPort={port}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
MpiDefault=none
ReturnToService=2
JobRequeue=1
SchedulerParameters=sched_interval=2,batch_sched_delay=0
{nodes}
PartitionName=main Nodes={names} Default=YES MaxTime=INFINITE State=UP
"""


def free_ports(count):
    with_port = [socket.socket() for _ in range(count)]
    for each in with_port:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in with_port]
    for each in with_port:
        each.close()
    return ports


@pytest.fixture(scope="session")
def slurm():
    """Environment in which sbatch, squeue and srun speak to two idle nodes."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing or os.geteuid():
        pytest.skip(f"needs root and {', '.join(missing)}: apt-get install slurmctld slurmd slurm-client munge")
    folder = Path(tempfile.mkdtemp(prefix="selfsup-slurm-"))
    folder.chmod(0o755)
    started = []
    try:
        environment = _start(folder, started)
        yield environment
    finally:
        for process in reversed(started):
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _start(folder, started):
    (folder / "state").mkdir()
    key = folder / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    names = ["socket", "pid-file", "log-file", "seed-file"]
    places = [f"--{name}={folder / ('munge.' + name.removesuffix('-file'))}" for name in names]
    started.append(subprocess.Popen(["munged", "--foreground", "--force", f"--key-file={key}", *places]))
    controller, *ports = free_ports(1 + len(NODES))
    host = socket.gethostname()
    nodes = [
        f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=1 State=UNKNOWN"
        for name, port in zip(NODES, ports, strict=True)
    ]
    config = CONFIG.format(folder=folder, host=host, port=controller, nodes="\n".join(nodes), names=",".join(NODES))
    (folder / "slurm.conf").write_text(config)
    environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}
    _wait((folder / "munge.socket").exists, folder)
    for command in (["slurmctld", "-D", "-c"], *(["slurmd", "-D", "-N", name] for name in NODES)):
        (folder / f"spool-{command[-1]}").mkdir(exist_ok=True)
        with (folder / "daemons.log").open("a") as log:
            started.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
    idle = ["sinfo", "--noheader", "--states=idle", "--Node", "--format=%N"]

    def both_idle():
        found = subprocess.run(idle, env=environment, capture_output=True, text=True, check=False)
        return set(found.stdout.split()) == set(NODES)

    _wait(both_idle, folder)
    return environment


def _wait(done, folder, seconds=60):
    until = time.monotonic() + seconds
    while not done():
        if time.monotonic() > until:
            logs = "\n".join(f"{file}:\n{file.read_text()[-2000:]}" for file in sorted(folder.glob("*log*")))
            raise TimeoutError(f"the cluster does not come up\n{logs}")
        time.sleep(0.2)
