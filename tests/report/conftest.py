import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def pixels():
    """Path of a picture -> its (H, W, 3) brightnesses."""

    def read(path):
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB")).astype(int)

    return read


@pytest.fixture
def has_colour(pixels):
    """Path of a picture, colour as "#rrggbb" -> whether any pixel has it."""

    def found(path, colour):
        red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
        return bool((np.abs(pixels(path) - [red, green, blue]).max(axis=2) <= 2).any())

    return found
