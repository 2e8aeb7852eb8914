"""Run as a script by the tests: imports once what a training needs, then runs command lines in processes of their own.

Each line of its input is a JSON list of runs that start together: {"arguments": [...], "environment": {...}, "output":
FILE}. It answers with their process numbers, and, once all of them have ended, with their exit codes.
"""

import importlib
import json
import os
import sys
from pathlib import Path

import torch

from selfsup.__main__ import main

PARTS = ["selfsup.tasks.pretrain", "selfsup.tasks.resume", "selfsup.data.images", "torch._dynamo"]
PARTS += ["selfsup.encoders.convnet", "selfsup.objectives.ntxent"]


def start(arguments, environment, output):
    """Forked before torch starts any thread: the imports are most of the time, and so they are paid once."""
    process = os.fork()
    if process:
        return process
    os.environ.update(environment)
    sys.path[:0] = filter(None, [environment.get("PYTHONPATH")])
    with Path(output).open("a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.argv = ["selfsup", *arguments]
    main()
    sys.exit(0)


def answer(numbers):
    sys.stdout.write(json.dumps(numbers) + "\n")
    sys.stdout.flush()


def serve():
    torch.set_num_threads(1)
    for module in PARTS:
        importlib.import_module(module)
    for line in sys.stdin:
        processes = [start(**run) for run in json.loads(line)]
        answer(processes)
        codes = [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in processes]
        answer(codes)


if __name__ == "__main__":
    serve()
