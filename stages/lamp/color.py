"""Colours: words, families of hue, luminance. Hex strings are #RRGGBB."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BLACK = "#000000"

# Upper ends of the hue families, in degrees on the HSV circle; red wraps around.
_FAMILY_ENDS = (
    (12, "red"),
    (43, "orange"),
    (68, "yellow"),
    (160, "green"),
    (197, "cyan"),
    (255, "blue"),
    (289, "violet"),
    (346, "magenta"),
    (360, "red"),
)
FAMILIES = ("red", "orange", "yellow", "green", "cyan", "blue", "violet", "magenta", "white", "grey", "dark")

Rgb = tuple[int, int, int]


def rgb(color: str) -> Rgb:
    """Channels 0..255 of #RGB, #RRGGBB or #RRGGBBAA (alpha is dropped)."""
    digits = color[1:]
    if len(digits) == 3:
        digits = "".join(2 * digit for digit in digits)
    return int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)


def family(channels: Rgb) -> str:
    """The name of the family that an eye puts a colour in.

    Dark below a value of 0.16; white or grey below a saturation of 0.2 (light pastels down to 0.1 keep
    their hue when they are bright enough to show it).
    """
    red, green, blue = (channel / 255 for channel in channels)
    value, low = max(red, green, blue), min(red, green, blue)
    if value < 0.16:
        return "dark"
    saturation = (value - low) / value
    if saturation < 0.2:
        return "white" if value > 0.75 else "grey"
    return hue_family(hue(channels))


def hue(channels: Rgb) -> float:
    """Hue in degrees, 0..360, of the HSV model; 0 for greys."""
    red, green, blue = channels
    high, low = max(channels), min(channels)
    if high == low:
        return 0.0
    if high == red:
        sector = ((green - blue) / (high - low)) % 6
    elif high == green:
        sector = (blue - red) / (high - low) + 2
    else:
        sector = (red - green) / (high - low) + 4
    return 60.0 * sector


def hue_family(degrees: float) -> str:
    """The family of a saturated colour of this hue."""
    return next(name for end, name in _FAMILY_ENDS if degrees <= end)


def luminance(frame: NDArray[np.uint8]) -> float:
    """Mean relative luminance 0..1 of an array of RGB pixels (weights of ITU-R BT.709, no gamma)."""
    weights = np.array([0.2126, 0.7152, 0.0722])
    return float((frame.reshape(-1, 3) @ weights).mean() / 255)


def near(one: Rgb, other: Rgb, tolerance: int = 60) -> bool:
    """Whether two colours differ by at most `tolerance` (Euclidean, of 441 possible)."""
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) <= tolerance**2


def mixed(one: str, other: str, share: float) -> str:
    """The colour `share` (0..1) of the way from `one` to `other`, in RGB."""
    pairs = zip(rgb(one), rgb(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02X}" for a, b in pairs)


def dimmed(color: str, share: float) -> str:
    """`color` with its brightness reduced to `share` (0..1), rounded to sixteenths so that few colours come out."""
    return "#" + "".join(f"{min(255, 17 * round(channel * share / 17)):02X}" for channel in rgb(color))


def brightened(color: str) -> str:
    """`color` at full brightness: its strongest channel at 255, its hue as it was. Black becomes a dim grey."""
    strongest = max(rgb(color))
    if not strongest:
        return "#333333"
    return "#" + "".join(f"{round(channel * 255 / strongest):02X}" for channel in rgb(color))
