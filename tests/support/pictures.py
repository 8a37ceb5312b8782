"""Charts read back pixel by pixel."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageColor

HOSTILE = "$\\frac{a}{b$\n\x1b[31m\u202e<b>漢\U000e0041" + "y" * 3000
CARD_BYTES_LIMIT = 150_000


def decoded(png: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(png))
    assert picture.format == "PNG"
    return picture.convert("RGBA")


def coloured(picture: Image.Image, colour: str) -> np.ndarray:
    """Where the picture has a colour: an array of bool, by y and x."""
    return (np.asarray(picture)[:, :, :3] == ImageColor.getrgb(colour)).all(axis=2)
