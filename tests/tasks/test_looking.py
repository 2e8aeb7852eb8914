"""Tasks that only look at catalogues start without torch, whose import takes longer than what they do."""

import subprocess
import sys

LOOKING = ["census", "cluster", "explore", "export", "hunt", "hunt_benchmark", "leaderboard", "map", "search"]
IMPORT = "import importlib, sys\n" + (
    "for name in sys.argv[1:]: importlib.import_module(f'selfsup.tasks.{name}')\n"
    "sys.exit(' '.join({'torch', 'lightning', 'timm', 'kornia', 'wandb'} & set(sys.modules)) or 0)"
)


def test_nobody_waits_for_torch_to_look_at_a_catalogue():
    ended = subprocess.run([sys.executable, "-c", IMPORT, *LOOKING], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
