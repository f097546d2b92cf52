"""A frame of the lamp in a terminal, and how its LEDs look to an eye."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from rich.text import Text

from .program import FRONT_LEDS, GRID_HEIGHT, GRID_WIDTH
from .simulator import Frame, grid

Light = npt.NDArray[np.floating[Any]]
"""Levels from 0 (dark) to 1."""

_UNLIT = (25, 26, 31)  # the lens of an LED that is off


def terminal(frame: Frame) -> Text:
    """`frame` as 16 lines of 22 cells in 24-bit colour: each LED two cells wide, hence about square.

    The ambient LEDs are a border of half blocks.
    """
    front = (seen(grid(frame) / 255) * 255 + 0.5).astype(np.uint8)
    top, right, bottom, left = frame[FRONT_LEDS:].reshape(4, 8, 3)
    across, down = (
        np.arange(2 * GRID_WIDTH) * 8 // (2 * GRID_WIDTH),
        np.arange(GRID_HEIGHT) * 8 // GRID_HEIGHT,
    )
    text = Text(" ", no_wrap=True)
    for color in top[across]:
        text.append("\u2584", _hex(color))
    text.append("\n")
    for row, left_color, right_color in zip(front, left[::-1][down], right[down], strict=True):
        text.append("\u2590", _hex(left_color))
        for color in row:
            text.append("  ", f"on {_hex(color)}")
        text.append("\u258c", _hex(right_color))
        text.append("\n")
    text.append(" ")
    for color in bottom[::-1][across]:
        text.append("\u2580", _hex(color))
    return text


def _hex(color: Frame) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)


def seen(leds: Light) -> Light:
    """The colours of LEDs (..., 3) with the grey of their lenses, which bright ones outshine."""
    unlit: Light = level(*_UNLIT) * (1 - leds.max(axis=-1, keepdims=True)) ** 4
    return leds + unlit


def level(*rgb: int) -> Light:
    """A colour of 0 to 255 as levels (3,)."""
    return np.array(rgb, np.float32) / 255
