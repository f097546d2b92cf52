"""What frames look like: portraits of the lamp (PNG, GIF) and contact sheets. This needs Pillow, the lamp does not.

A portrait is a sum of soft lights, computed and not blurred, so it has no banding and the same frame gives
the same bytes. The ambient LEDs are taken to sit behind the body's edge, 8 to a side, clockwise from the
top left: top, right, bottom, left.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..files import published_file
from .moments import key_moments, spread, timeline
from .program import FRONT_LEDS, GRID_HEIGHT, GRID_WIDTH, LEDS, Program
from .simulator import Frame, Schedule, frame, frame_at
from .terminal import Light, level, seen

# Pictures are (height, width, 3), masks (height, width, 1).

SCALE = 14  # pixels from LED to LED; a portrait is then 300 high
THUMBNAIL_SCALE = 6  # 128 high

# Lengths in LED distances.
_HALO = 2.8  # room around the body for the light of the ambient LEDs
_BODY = 0.95  # from the outermost LEDs' cells to the body's edge
_DOT = 0.84  # width of an LED

# Portraits


def draw(frame: Frame, scale: int = SCALE) -> Image.Image:
    """`frame` (172, 3) as an RGB portrait, `scale` pixels from LED to LED: about 17.5 x 21.5 scales."""
    stage = _stage(scale)
    light = frame.astype(np.float32) / 255
    front = light[:FRONT_LEDS].reshape(GRID_HEIGHT, GRID_WIDTH, 3)
    picture = _added(stage.room, stage.halo(light[FRONT_LEDS:]))
    picture += (stage.body - picture) * stage.body_mask
    picture = _added(picture, stage.bloom(front))
    dots = seen(front).repeat(scale, axis=0).repeat(scale, axis=1) * stage.dot_shade
    cells = picture[stage.cells]
    cells += (dots - cells) * stage.dot_mask
    return Image.fromarray((picture * 255 + 0.5).astype(np.uint8))


class _Stage:
    """All of a portrait that does not depend on the frame."""

    def __init__(self, scale: int) -> None:
        margin = round((_HALO + _BODY) * scale)
        self.cells = np.s_[margin : margin + GRID_HEIGHT * scale, margin : margin + GRID_WIDTH * scale]
        # Pixel centres, in LED distances from the middle of the lamp.
        self._x = _centres(GRID_WIDTH * scale + 2 * margin, scale)
        self._y = _centres(GRID_HEIGHT * scale + 2 * margin, scale)
        self._set_body(scale)
        self._set_dots(scale)
        self._set_lights()

    def _set_body(self, scale: int) -> None:
        """A dark rounded body, its rim lit from above, with a darker panel behind the LEDs."""
        x, y = self._x, self._y[:, np.newaxis]
        edge = _rounded(x, y, GRID_WIDTH / 2 + _BODY, GRID_HEIGHT / 2 + _BODY, 1.7)
        rim = (1 + edge / 0.16).clip(0, 1) * np.linspace(1, 0.35, len(self._y))[:, np.newaxis]
        panel = _cover(_rounded(x, y, GRID_WIDTH / 2 + 0.35, GRID_HEIGHT / 2 + 0.35, 1.1), scale)
        shell = level(30, 32, 38) + rim[..., np.newaxis] * level(44, 46, 52)
        self.body = (shell + (level(10, 11, 14) - shell) * panel).astype(np.float32)
        self.body_mask = _cover(edge, scale)
        self.room = level(13, 14, 18)
        to_border = -_rounded(x, y, float(x[-1]), float(y[-1, 0]), 2.5)[..., np.newaxis]
        self._fade: Light = np.sin(to_border.clip(0, 1.2) / 1.2 * np.float32(np.pi / 2)) ** 2

    def _set_dots(self, scale: int) -> None:
        """Rounded LEDs, brightest in the middle."""
        x = _centres(scale, scale)
        y = x[:, np.newaxis]
        mask = _cover(_rounded(x, y, _DOT / 2, _DOT / 2, _DOT * 0.36), scale)
        shade = 1 - 0.22 * (np.hypot(x, y) / 0.5).clip(0, 1)[..., np.newaxis] ** 2
        self.dot_mask = np.tile(mask, (GRID_HEIGHT, GRID_WIDTH, 1))
        self.dot_shade = np.tile(shade, (GRID_HEIGHT, GRID_WIDTH, 1))

    def _set_lights(self) -> None:
        """How far the light of each LED reaches: bells in x times bells in y, hence matrix products."""
        self._bloom_x = _bells(self._x, _centres(GRID_WIDTH, 1), 0.75)
        self._bloom_y = _bells(self._y, _centres(GRID_HEIGHT, 1), 0.75)
        along = (_centres(8, 1) / 4).astype(np.float32)
        right, bottom = GRID_WIDTH / 2 + _BODY - 0.35, GRID_HEIGHT / 2 + _BODY - 0.35
        one = np.ones(8, np.float32)
        x = np.concatenate([along * right, one * right, -along * right, -one * right])
        y = np.concatenate([-one * bottom, along * bottom, one * bottom, -along * bottom])
        # A narrow bell makes the rim of light, a wide one its fading into the room.
        self._halo_x = np.hstack([0.36 * _bells(self._x, x, 0.75), 0.1 * _bells(self._x, x, 1.7)])
        self._halo_y = np.hstack([_bells(self._y, y, 0.75), _bells(self._y, y, 1.7)])

    def halo(self, ambient: Light) -> Light:
        """The light of the ambient LEDs (32, 3) around the body."""
        by_column = self._halo_x.T[:, :, np.newaxis] * np.tile(ambient, (2, 1))[:, np.newaxis]
        return self._product(self._halo_y, by_column).clip(0, 1) * self._fade

    def bloom(self, front: Light) -> Light:
        """The light of the front LEDs (14, 10, 3) on what is around them."""
        by_column = self._bloom_x @ front
        return (0.16 * self._product(self._bloom_y, by_column)).clip(0, 1)

    def _product(self, by_row: Light, by_column: Light) -> Light:
        """(height, lights) times (lights, width, 3), summed over the lights."""
        # Not the @ of numpy: its threads cost ten times the work itself where the cores have other work.
        flat: Light = np.einsum("yn,nx->yx", by_row, by_column.reshape(len(by_column), -1))
        return flat.reshape(len(by_row), -1, 3)


_stage = lru_cache(maxsize=8)(_Stage)


def _added(light: Light, more: Light) -> Light:
    """Light and light, which never comes to more than 1 (the "screen" of image editors)."""
    return 1 - (1 - light) * (1 - more)


def _centres(count: int, scale: int) -> Light:
    """The centres of `count` cells that are 1 / scale wide, around 0."""
    return ((np.arange(count, dtype=np.float32) + 0.5) - count / 2) / scale


def _bells(places: Light, centres: Light, width: float) -> Light:
    """(places, centres): Gaussian bells of standard deviation `width`."""
    return np.exp(-0.5 * ((places[:, np.newaxis] - centres) / width) ** 2)


def _rounded(x: Light, y: Light, half_width: float, half_height: float, radius: float) -> Light:
    """Signed distance to a rounded rectangle around 0, negative inside
    (https://iquilezles.org/articles/distfunctions2d)."""
    over_x, over_y = np.abs(x) - (half_width - radius), np.abs(y) - (half_height - radius)
    outside = np.hypot(np.maximum(over_x, 0), np.maximum(over_y, 0))
    return outside + np.minimum(np.maximum(over_x, over_y), 0) - np.float32(radius)


def _cover(distance: Light, scale: int) -> Light:
    """The share of each pixel that lies inside a shape, from the signed distance to its edge."""
    return (0.5 - distance * scale).clip(0, 1)[..., np.newaxis]


# Files


def write_png(program: Program, path: Path, at_ms: int | None = None, scale: int = SCALE) -> None:
    """Publish the portrait of `program` at `at_ms`, or where its first step looks best.

    Raises ValueError for a time before 0, OSError when `path` cannot be written.
    """
    at = key_moments(Schedule(program), 1)[0] if at_ms is None else at_ms
    portrait = draw(frame_at(program, at), scale)
    with published_file(path) as temporary:
        portrait.save(temporary, format="PNG")


def write_gif(program: Program, path: Path, seconds: float = 6.0, fps: float = 12.5, scale: int = SCALE) -> None:
    """Publish an animation of all of `program` that repeats for ever; see `timeline` for how it is cut.

    `fps` up to 50; GIF knows hundredths of a second only. Raises OSError when `path` cannot be written.
    """
    schedule = Schedule(program)
    frames = [frame(*schedule.at(instant)) for instant in timeline(schedule, seconds, fps)]
    # A palette per frame: one for all would band the halo. Dithering would shimmer, and double the size.
    pictures = [draw(each, scale).quantize(256, dither=Image.Dither.NONE) for each in frames]
    with published_file(path) as temporary:
        pictures[0].save(
            temporary,
            format="GIF",
            save_all=True,
            append_images=pictures[1:],
            duration=round(100 / fps) * 10,
            loop=0,
        )


# Contact sheets


Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


class Entry(NamedTuple):
    """A tile of a contact sheet: two texts and the frames of a film strip; none where nothing can be drawn.

    ok: a green mark, a red one, or none.
    """

    caption: str
    detail: str
    ok: bool | None
    frames: Sequence[Frame]


_PAGE, _CARD, _INK, _FAINT_INK = (26, 27, 33), (13, 14, 18), (232, 234, 240), (146, 151, 163)
_GOOD, _BAD = (52, 199, 110), (240, 72, 72)
_GAP = 14  # pixels between tiles
_CAPTION, _DETAIL = 13, 11  # font sizes
_LINE = 17  # pixels from a line of text to the next
_TEXT = 8 + 3 * _LINE  # room for two lines of caption and one of detail


def contact_sheet(entries: Sequence[Entry], columns: int, scale: int = THUMBNAIL_SCALE) -> Image.Image:
    """All `entries` in order as one RGB picture, `columns` portraits wide; film strips may span columns.

    Of more frames than `columns` an entry shows some, evenly spread. Captions take two lines at most.
    Raises ValueError for no entries or less than one column.
    """
    if not entries or columns < 1:
        raise ValueError(f"a contact sheet needs entries and columns, got {len(entries)} and {columns}")
    tiles = [_tile(entry, columns, scale) for entry in entries]
    cell_width, cell_height = _portrait_size(scale)
    places: list[tuple[int, int]] = []
    column = row = 0
    for tile in tiles:
        span = -(-tile.width // (cell_width + _GAP))
        if column + span > columns:
            column, row = 0, row + 1
        places.append((_GAP + column * (cell_width + _GAP), _GAP + row * (cell_height + _TEXT + _GAP)))
        column += span
    size = (_GAP + columns * (cell_width + _GAP), _GAP + (row + 1) * (cell_height + _TEXT + _GAP))
    page = Image.new("RGB", size, _PAGE)
    for place, tile in zip(places, tiles, strict=True):
        page.paste(tile, place)
    return page


def _portrait_size(scale: int) -> tuple[int, int]:
    return draw(np.zeros((LEDS, 3), np.uint8), scale).size


def _tile(entry: Entry, columns: int, scale: int) -> Image.Image:
    """A rounded card with the film strip, and the texts below it."""
    caption, detail, ok, frames = entry
    width, height = _portrait_size(scale)
    shown = [frames[index] for index in spread(len(frames), columns)]
    card = Image.new("RGB", (max(1, len(shown)) * (width + _GAP) - _GAP, height), _CARD)
    for number, each in enumerate(shown):
        card.paste(draw(each, scale), (number * (width + _GAP), 0))
    if not shown:
        empty = (width // 2, height // 2)
        ImageDraw.Draw(card).text(empty, "no picture", _FAINT_INK, ImageFont.load_default(_DETAIL), "mm")
    tile = Image.new("RGB", (card.width, height + _TEXT), _PAGE)
    tile.paste(card, (0, 0), _rounded_mask(card.size))
    left, top = 0, height + 8
    if ok is not None:
        tile.paste(_mark(ok), (0, top + 1))
        left = _LINE + 2
    pen = ImageDraw.Draw(tile)
    for text, size, ink, lines in ((caption, _CAPTION, _INK, 2), (detail, _DETAIL, _FAINT_INK, 1)):
        font = ImageFont.load_default(size=size)
        for line in _wrapped(text, font, tile.width - left, lines):
            pen.text((left, top), line, ink, font)
            top += _LINE
    return tile


_FINE = 4  # shapes are drawn this much larger, then reduced, for smooth edges


def _rounded_mask(size: tuple[int, int]) -> Image.Image:
    large = Image.new("L", (size[0] * _FINE, size[1] * _FINE))
    ImageDraw.Draw(large).rounded_rectangle((0, 0, large.width - 1, large.height - 1), 8 * _FINE, 255)
    return large.reduce(_FINE)


def _mark(ok: bool) -> Image.Image:
    """A green disc with a tick, or a red one with a cross, 15 pixels wide."""
    large = Image.new("RGB", (15 * _FINE, 15 * _FINE), _PAGE)
    pen = ImageDraw.Draw(large)
    pen.ellipse((0, 0, 59, 59), _GOOD if ok else _BAD)
    tick, cross = [[(16, 31), (26, 41), (44, 20)]], [[(19, 19), (40, 40)], [(40, 19), (19, 40)]]
    for stroke in tick if ok else cross:
        pen.line(stroke, (255, 255, 255), 7, "curve")
    return large.reduce(_FINE)


# The font that comes with Pillow has ASCII and little more.
_GLYPHS = {*map(chr, range(32, 127)), "\u00b7", "\u2026"}
_LOOKALIKES = str.maketrans("\u2018\u2019\u201c\u201d\u2013\u2014", "''\"\"--")


def _printable(text: str) -> str:
    """`text` on one line, its accents dropped, and "?" for what the font lacks."""
    letters = unicodedata.normalize("NFKD", " ".join(text.translate(_LOOKALIKES).split()))
    return "".join(c if c in _GLYPHS else "?" for c in letters if not unicodedata.combining(c))


def _wrapped(text: str, font: Font, width: int, lines: int) -> list[str]:
    """`text` in at most `lines` lines of `width` pixels, broken between words, what is too long cut."""
    broken: list[str] = []
    for word in _printable(text).split():
        longer = f"{broken[-1]} {word}" if broken else word
        if broken and (len(broken) == lines or font.getlength(longer) <= width):
            broken[-1] = longer
        else:
            broken.append(word)
    return [_shortened(line, font, width) for line in broken]


def _shortened(line: str, font: Font, width: int) -> str:
    if font.getlength(line) <= width:
        return line
    kept = line[:width]  # no letter is narrower than a pixel
    while kept and font.getlength(kept + "\u2026") > width:
        kept = kept[:-1]
    return kept.rstrip() + "\u2026"
