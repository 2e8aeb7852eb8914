"""What a user types wrongly is answered with one message that says what to type; what is right needs no patience."""

import csv
import shutil
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image

from selfsup.checkpoint import LAST
from selfsup.data.datamodule import part_of

ENCODER = ["encoder=tiny_resnet", "trainer.accelerator=cpu"]


def refused(ended, *fragments):
    """One message on stderr with all of these in it, exit code 1, no traceback."""
    assert ended.code == 1, ended
    for fragment in fragments:
        assert fragment in ended.err, ended.err
    assert "Traceback" not in ended.err
    assert ended.err.count("selfsup: ") == 1


@pytest.fixture
def run(selfsup, tmp_path, monkeypatch):
    """The command line in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    return selfsup


CONFIGURATION = {
    "an option": (["objective=nxtent"], ["objective=nxtent: no such option; did you mean `ntxent`?"]),
    "a far option": (["encoder=zzz"], ["encoder=zzz: no such option; valid: efficientnet_b0, "]),
    "a key": (["objective.temprature=1"], ["objective.temprature: no such key; did you mean `temperature`?"]),
    "a group": (["objectiv=ntxent"], ["objectiv: no such key; did you mean `objective`?"]),
    "an added key": (["+encoder.foo=1"], ["encoder.foo: ConvNet has no such parameter; valid: "]),
    "a home": (["data.folder=~/cutouts"], ["quote it for the shell and for Hydra: 'data.folder=\"~/cutouts\"'"]),
    "no value": (["trainer"], ["trainer: what is set is written key=value"]),
    "a type": (["trainer.max_epochs=many"], ["trainer.max_epochs: 'many' is not int"]),
    "a range": (["trainer.batch_size=0"], ["trainer.batch_size: 0 is not at least 1"]),
    "a part": (["trainer.splits=[tain]"], ["trainer.splits: ['tain'] is not a choice of train, val, test"]),
    "a foreign class": (["encoder._target_=os.system"], ["os.system is not from a trusted package"]),
    "two at once": (["+encoder.foo=1", "trainer.max_epochs=x"], ["encoder.foo: ", "trainer.max_epochs: "]),
    "views": (["augmentation=multicrop"], ["makes local views, which NTXent does not use"]),
}


@pytest.mark.parametrize(("arguments", "says"), CONFIGURATION.values(), ids=CONFIGURATION)
def test_a_mistyped_configuration_is_answered_with_the_right_spelling(arguments, says, run, galaxies):
    refused(run("data=images", f"data.folder={galaxies}", *ENCODER, *arguments), *says)


def test_no_folder_is_answered_with_how_to_name_one(run):
    ended = run("data=images")
    refused(
        ended, "data.folder: not set. Name the images to learn from, for example", "selfsup data=images data.folder=DIR"
    )


def test_a_folder_for_the_sky_is_answered_with_how_to_read_it(run):
    refused(run("data.folder=DIR", *ENCODER), "data.folder=DIR: the synthetic sky has no files; write data=images")


def test_a_task_that_does_not_exist(run):
    refused(run("task=nope"), "task=nope: no such option; valid: benchmark, census, cluster, denoise, ")
    refused(run("task.name=prob", "data.folder=x"), "task.name: there is no task prob; did you mean `probe`?")


def test_data_that_are_not_there(run, galaxies, tmp_path):
    (tmp_path / "empty").mkdir()
    base = ["data=images", *ENCODER]
    refused(run(*base, "data.folder=nowhere"), "nowhere: no such folder of images; set data.folder=...")
    refused(run(*base, "data.folder=empty"), "no image (.jpg, .jpeg, .png) in this folder or below")
    table = [*base, f"data.folder={galaxies}", "data.table=labels.csv"]
    refused(run(*table, "data.label=nope"), "'nope'", "label", "value", "smooth")
    refused(
        run(*table, "data.label=label"), "holds text, so name its classes: data.classes=[...], from elongated, round"
    )
    refused(run(*table, "data.label=label", "data.classes=[round]"), "has elongated, not among data.classes=['round']")


def test_a_column_of_one_class_teaches_nothing(run, tmp_path):
    folder = tmp_path / "same"
    folder.mkdir()
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["id", "label"], *([f"s{number}", "round"] for number in range(20))])
    for number in range(20):
        Image.new("RGB", (16, 16), (number, 0, 0)).save(folder / f"s{number}.png")
    ended = run(
        *("data=images", "data.folder=same", "data.table=labels.csv", "data.label=label"),
        *("data.classes=[round,elongated]", *ENCODER),
    )
    refused(ended, "column 'label' has only 'round', so there is nothing to learn; set data.label=...")


def test_an_objective_whose_targets_are_not_there(run, galaxies):
    base = ["data=images", f"data.folder={galaxies}", *ENCODER]
    refused(run(*base, "objective=supervised"), "no label, which the objective learns from; name data.label=COLUMN")
    refused(run(*base, "objective=dirichlet", "data.tree=gz2"), "data.tree=gz2 is about a table; set data.table=...")
    refused(run(*base, "objective=dirichlet"), "objective.tree is null: data without votes; set data.tree=...")


def test_a_batch_larger_than_the_data(run, galaxies):
    count = sum(part_of(f"g{number:03}") == "train" for number in range(120))
    ended = run("data=images", f"data.folder={galaxies}", "data.size_px=32", *ENCODER, "trainer.batch_size=1000")
    refused(ended, f"{count} galaxies to learn from in train", f"write trainer.batch_size={count} or less")


@pytest.fixture
def torn(galaxies, tmp_path):
    """The made-up galaxies, one of them cut short."""
    folder = tmp_path / "torn"
    shutil.copytree(galaxies, folder)
    file = folder / "g050.jpg"
    file.write_bytes(file.read_bytes()[:100])
    return folder


def test_unreadable_images_above_the_share_stop(run, torn):
    ended = run("data=images", f"data.folder={torn}", "data.size_px=32", "data.max_unreadable_share=0.001", *ENCODER)
    refused(ended, "1 of 120", "g050.jpg", "data.max_unreadable_share")


def test_unreadable_images_below_the_share_are_counted(run, torn, tmp_path):
    ended = run("data=images", f"data.folder={torn}", "data.size_px=32", "task=views", *ENCODER, "hydra.run.dir=here")
    assert ended.code == 0, ended.err
    assert "1 of 120 images are unreadable and left out" in ended.out + ended.err
    assert (tmp_path / "here" / "views.png").stat().st_size > 1000


def test_checkpoints_that_are_not_there(run, galaxies, tmp_path):
    data = ["data=images", f"data.folder={galaxies}"]
    (tmp_path / "run").mkdir()
    probe = ["task=probe", *data]
    refused(run(*probe), "task.checkpoint: not set; write task.checkpoint=VALUE")
    refused(run(*probe, "task.checkpoint=nowhere"), "nowhere: no checkpoint there; name a run folder (with checkpoint")
    refused(run(*probe, "task.checkpoint=run"), "run: no checkpoint there")
    refused(
        run("task=embed", *data, "task.checkpoint=run", "task.output=a.csv"),
        "a.csv is to be a folder of shards; name one, such as a",
    )
    refused(run("task=resume"), "task.run: not set; write task.run=VALUE")
    refused(run("task=resume", "task.run=run"), "task.run: run is not a run folder (there is no config.yaml in it)")
    (tmp_path / "run" / LAST).parent.mkdir()
    (tmp_path / "run" / LAST).write_bytes(b"torn")
    refused(run(*probe, "task.checkpoint=run"), "last.ckpt: not a checkpoint that can be read")


def test_resuming_a_mistyped_folder_makes_none(run, tmp_path):
    refused(run("task=resume", "task.run=nowhere"), "task.run: nowhere is not a run folder")
    assert not (tmp_path / "nowhere").exists()


def process(*arguments, cwd):
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, timeout=300, check=False
    )


def test_ctrl_c_is_one_message_and_ends_as_a_shell_expects(tmp_path):
    """Of the signal, so that a loop around the command ends too."""
    command = [sys.executable, "-m", "selfsup", "task=embed", "hydra.run.dir=run"]
    started = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while started.poll() is None and not (tmp_path / "run" / ".hydra" / "overrides.yaml").exists():
        time.sleep(0.02)
    started.send_signal(signal.SIGINT)  # while it imports what the task needs
    _, told = started.communicate(timeout=60)
    assert told.strip() == "selfsup: stopped by Ctrl-C. What is finished stays, and the same command goes on"
    assert started.returncode == -signal.SIGINT


def test_a_fault_is_one_message_in_a_real_process_too(tmp_path):
    ended = process("-m", "selfsup", "objective=nxtent", cwd=tmp_path)
    assert ended.returncode == 1
    assert ended.stderr == "\nselfsup: objective=nxtent: no such option; did you mean `ntxent`?\n"
    assert list(tmp_path.iterdir()) == []


LIGHT = """
import sys
from selfsup.__main__ import main
sys.argv = ["selfsup", *{arguments}]
try:
    main()
finally:
    heavy = {{"torch", "lightning", "timm", "kornia", "wandb", "sklearn"}} & set(sys.modules)
    print("heavy:", sorted(heavy))
"""


@pytest.mark.parametrize("argument", ["--help", "--cfg=job", "--info=config"])
def test_asking_imports_nothing_heavy(argument, tmp_path):
    ended = process("-c", LIGHT.format(arguments=argument.split("=")), cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert "heavy: []" in ended.stdout


def test_help_shows_the_choices(run):
    ended = run("--help")
    assert ended.code == 0
    for fragment in (
        "selfsup learns representations",
        "objective: ",
        "task=resume",
    ):
        assert fragment in ended.out


def test_the_configuration_can_be_printed(run):
    ended = run("--cfg", "job", "data.folder=x", "objective=dino")
    assert ended.code == 0
    assert "_target_: selfsup.objectives.dino.DINO" in ended.out
    assert "local:" in ended.out
    assert "Config search path" in run("--info").out


def test_shell_completion_can_be_installed(run):
    ended = run("-sc", "install=bash")
    assert ended.code == 0
    assert "complete " in ended.out
