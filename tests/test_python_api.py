"""`import selfsup` is light, and offers what it says; nothing heavy comes before it is asked for."""

import subprocess
import sys

import pytest

import selfsup


def test_importing_the_package_imports_nothing_heavy():
    asked = (
        "import sys, selfsup; dir(selfsup); "
        "print(sorted({'torch', 'numpy', 'sklearn', 'huggingface_hub', 'hydra'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_it_offers_is_there():
    offered = {"EncoderTransformer", "PublishedEncoder", "embed_images", "load_encoder"}
    assert offered <= set(dir(selfsup))
    for name in offered:
        assert getattr(selfsup, name).__name__ == name


def test_a_name_that_is_not_there_is_told_as_python_tells_it():
    with pytest.raises(AttributeError, match="module 'selfsup' has no attribute 'load_encoders'"):
        _ = selfsup.load_encoders
    assert not hasattr(selfsup, "no_such_thing")
