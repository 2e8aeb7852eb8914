"""The page of an encoder: YAML that the hub reads, and Markdown in which a stranger's text stays text."""

import json

import pytest
import yaml

from selfsup.checkpoint import read_checkpoint
from selfsup.publishing.card import History, history, model_card
from selfsup.publishing.package import Description

ENCODER = Description({"_target_": "a.b.C"}, size_px=64, channels=3, dim=512, symmetries=8, channels_last=True)
PAST = History(
    {"objective": "ntxent", "encoder": "resnet18", "epochs": 20, "label": "a|b\n# c"},
    {"trained": {"probe/knn/accuracy": 0.486, "k|1": 20.0}, "untrained": {"probe/knn/accuracy": 0.338}},
)


def front(card):
    return yaml.safe_load(card.split("---\n")[1])


def test_the_hub_reads_the_front():
    found = front(model_card(ENCODER, PAST, "cc-by-4.0"))
    assert found["library_name"] == "selfsup"
    assert {"astronomy", "ntxent", "resnet18"} <= set(found["tags"])
    assert found["license"] == "cc-by-4.0"
    assert "license" not in front(model_card(ENCODER, PAST))
    assert front(model_card(ENCODER, PAST, "a: b\n- c\n---"))["license"] == "a: b\n- c\n---"


def test_the_page_says_what_it_is_and_how_well_it_does():
    card = model_card(ENCODER, PAST, differences={"model.onnx": 1.5e-6})
    assert "# resnet18, trained with ntxent" in card
    assert "512 numbers" in card
    assert "64 x 64 px" in card
    assert "all 8 flips and quarter turns" in card
    assert "| probe/knn/accuracy | 0.486 | 0.338 |" in card
    assert r"| k\|1 | 20 | - |" in card
    assert r"- label: a\|b # c" in card
    assert "- `model.onnx`: largest difference from the encoder 1.5e-06" in card
    assert "have not stated one" in card
    assert "\n\n\n" not in card


def test_what_is_not_known_is_not_on_it():
    card = model_card(ENCODER, History())
    assert not [title for title in ("## Training", "## Scores", "## Graphs") if title in card]


@pytest.mark.parametrize("place", ["", "checkpoint/last.ckpt"])
def test_the_history_is_the_checkpoint_s_and_the_report_s(place, run):
    saved = read_checkpoint(run)
    bare = history(run / place, saved | {"epoch": 3})
    assert bare.facts == {
        **{"objective": "ntxent", "encoder": "test_resnet", "data": "images"},
        **{"tree": "gz2", "label": "label", "epochs": 3},
    }
    assert bare.scores == {}
    told = {"facts": {"galaxies": 120, "device": "secret"}, "comparison": {"trained": {"a": 1, "b": None}}}
    (run / "report.json").write_text(json.dumps(told))
    found = history(run / place, saved)
    assert found.facts["galaxies"] == 120
    assert "device" not in found.facts
    assert found.scores == {"trained": {"a": 1.0}}
