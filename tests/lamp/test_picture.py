"""Portraits, animations and contact sheets, looked at pixel by pixel."""

import numpy as np
import pytest
from PIL import Image, ImageFont

from stages.lamp import picture
from stages.lamp.picture import Entry, contact_sheet, draw, write_gif, write_png

DARK = np.zeros((172, 3), np.uint8)
RED, GREEN = (240, 72, 72), (52, 199, 110)


def showing(command, duration=None):
    return {"program": {"name": "x", "steps": [{"id": "a", "command": command, "duration": duration}]}}


def pattern(name, **params):
    return {"type": "pattern", "name": name, "params": params}


SOLID = showing(pattern("solid", color="#204060"))


def leds(lit):
    """A dark frame but for {LED: colour}."""
    shown = DARK.copy()
    for led, color in lit.items():
        shown[led] = color
    return shown


def centre(portrait, x, y):
    """Colour in the middle of the LED in column x and row y of a portrait of the usual scale."""
    left, top = (portrait.width - 140) // 2, (portrait.height - 196) // 2
    return np.array(portrait.getpixel((left + 14 * x + 7, top + 14 * y + 7)), int)


# Portraits


def test_an_led_shows_its_colour_in_its_place():
    colors = {0: (255, 0, 0), 9: (0, 200, 0), 57: (40, 80, 160), 139: (255, 255, 255)}
    portrait = draw(leds(colors))
    for led, color in colors.items():
        assert np.abs(centre(portrait, led % 10, led // 10) - color).max() <= 6
    assert centre(portrait, 4, 10).max() < 40


def test_a_lit_led_glows_on_its_surroundings_but_not_far():
    dark, glowing = draw(DARK), draw(leds({57: (0, 0, 255)}))
    beside = (glowing.width // 2 + 14 * 3, glowing.height // 2 - 14)  # between LEDs 57 and 58
    assert glowing.getpixel(beside)[2] > dark.getpixel(beside)[2] + 15
    assert glowing.getpixel((60, 60)) == dark.getpixel((60, 60))


@pytest.mark.parametrize(("side", "x", "y"), [(0, 0.5, 0.05), (1, 0.95, 0.5), (2, 0.5, 0.95), (3, 0.05, 0.5)])
def test_ambient_leds_light_the_room_on_their_side_only(side, x, y):
    lit = draw(leds({140 + 8 * side + n: (255, 0, 0) for n in range(8)}))
    for other_x, other_y in ((0.5, 0.05), (0.95, 0.5), (0.5, 0.95), (0.05, 0.5)):
        red, _, blue = lit.getpixel((int(lit.width * other_x), int(lit.height * other_y)))
        assert (red > blue + 10) == ((other_x, other_y) == (x, y))


@pytest.mark.parametrize(
    ("led", "quarter"),
    [(140, (0, 0)), (147, (0, 1)), (148, (0, 1)), (155, (1, 1)), (156, (1, 1)), (163, (1, 0)), (171, (0, 0))],
)
def test_ambient_leds_are_counted_clockwise_from_the_top_left(led, quarter):
    lit, dark = (np.asarray(draw(shown), float).sum(axis=2) for shown in (leds({led: (255, 255, 255)}), DARK))
    height, width = dark.shape
    quarters = (lit - dark).reshape(2, height // 2, 2, width // 2).sum(axis=(1, 3))
    assert np.unravel_index(quarters.argmax(), (2, 2)) == quarter


def test_the_room_is_dark_at_the_pictures_border_however_bright_the_lamp():
    border = np.asarray(draw(np.full((172, 3), 255, np.uint8)))
    for edge in (border[0], border[-1], border[:, 0], border[:, -1]):
        assert edge.max() <= 20


@pytest.mark.parametrize(("scale", "size"), [(14, (244, 300)), (6, (104, 128))])
def test_a_portrait_is_as_large_as_its_scale_says(scale, size):
    portrait = draw(DARK, scale)
    assert (portrait.size, portrait.mode) == (size, "RGB")


# Files


def test_the_same_program_gives_the_same_png_bytes(tmp_path):
    for name in ("a", "b"):
        write_png(showing(pattern("sparkle")), tmp_path / name)
    first, second = (tmp_path / "a").read_bytes(), (tmp_path / "b").read_bytes()
    assert first == second
    assert first.startswith(b"\x89PNG")


def test_a_png_shows_the_instant_asked_for_or_the_best_one(tmp_path):
    pulse = showing(pattern("pulse", color="#FFFFFF", speed=1000))
    write_png(pulse, tmp_path / "best.png")
    write_png(pulse, tmp_path / "dark.png", at_ms=0)
    assert centre(Image.open(tmp_path / "best.png"), 5, 5).min() > 240
    assert centre(Image.open(tmp_path / "dark.png"), 5, 5).max() < 40


def test_a_png_that_cannot_be_written_leaves_nothing_behind(tmp_path):
    with pytest.raises(OSError):
        write_png(SOLID, tmp_path)
    assert not list(tmp_path.parent.glob("*.tmp"))
    assert not list(tmp_path.iterdir())


def playing_time(path):
    animation = Image.open(path)
    assert animation.format == "GIF"
    assert animation.info["loop"] == 0  # for ever
    durations = []
    for number in range(animation.n_frames):
        animation.seek(number)
        durations.append(animation.info["duration"])
    return durations


def test_a_gif_lasts_as_long_as_the_whole_turns_it_shows(tmp_path):
    write_gif(showing(pattern("rainbow", speed=2000)), tmp_path / "a.gif", seconds=5, fps=5, scale=4)
    assert playing_time(tmp_path / "a.gif") == [200] * 20


def test_a_gif_shows_every_step_of_a_long_program(tmp_path):
    steps = [
        {"id": color, "command": pattern("solid", color=color), "duration": 600_000}
        for color in ("#FF0000", "#00FF00", "#0000FF")
    ]
    write_gif({"program": {"name": "x", "steps": steps}}, tmp_path / "a.gif", seconds=3, fps=5)
    assert playing_time(tmp_path / "a.gif") == [1000] * 3
    animation = Image.open(tmp_path / "a.gif")
    for number in range(3):
        animation.seek(number)
        color = centre(animation.convert("RGB"), 4, 4)
        assert color[number] > 200
        assert color.sum() < 320


def test_the_colours_of_a_gif_are_those_of_the_portrait(tmp_path):
    write_gif(showing(pattern("rainbow")), tmp_path / "a.gif", seconds=3, fps=1)
    first = np.asarray(Image.open(tmp_path / "a.gif").convert("RGB"), int)
    write_png(showing(pattern("rainbow")), tmp_path / "a.png", at_ms=0)
    assert np.abs(first - np.asarray(Image.open(tmp_path / "a.png"), int)).mean() < 3


# Contact sheets


def test_entries_fill_rows_in_order_and_film_strips_span_columns():
    one, strip = leds({55: (255, 0, 0)}), [leds({55: (0, 0, 255)})] * 2
    sheet = contact_sheet(
        [Entry("a", "", None, [one]), Entry("b", "", None, strip), Entry("c", "", None, strip[:1])], columns=3
    )
    pixels = np.asarray(sheet, int)
    red = np.argwhere((pixels[..., 0] > 200) & (pixels[..., 2] < 90))
    blue = np.argwhere((pixels[..., 2] > 200) & (pixels[..., 0] < 90))
    cell, row = sheet.width / 3, sheet.height / 2
    assert {(int(y // row), int(x // cell)) for y, x in red} == {(0, 0)}
    assert {(int(y // row), int(x // cell)) for y, x in blue} == {(0, 1), (0, 2), (1, 0)}


def test_a_strip_longer_than_the_sheet_is_wide_is_thinned_evenly():
    frames = [leds({55: (25 * n, 0, 255)}) for n in range(11)]
    sheet = np.asarray(contact_sheet([Entry("a", "", None, frames)], columns=3), int)
    blue = sheet[(sheet[..., 2] > 240) & (sheet[..., 1] < 30)]
    assert {round(red / 25) for red, _, _ in blue.tolist()} == {0, 5, 10}


def counted(sheet, color):
    return int((np.abs(np.asarray(sheet, int) - color).max(axis=2) < 4).sum())


@pytest.mark.parametrize(("ok", "marks"), [(True, {GREEN}), (False, {RED}), (None, set())])
def test_an_entry_is_marked_green_red_or_not_at_all(ok, marks):
    sheet = contact_sheet([Entry("a", "b", ok, [DARK])], columns=1)
    assert {color for color in (GREEN, RED) if counted(sheet, color) > 50} == marks


def test_an_entry_without_frames_says_that_there_is_no_picture():
    nothing = contact_sheet([Entry("", "", False, [])], columns=1)
    lamp = contact_sheet([Entry("", "", False, [DARK])], columns=1)
    assert nothing.size == lamp.size
    assert counted(nothing, (146, 151, 163)) > 5
    assert counted(lamp, (146, 151, 163)) == 0


def test_captions_stay_in_their_tile_and_in_two_lines():
    font = ImageFont.load_default(size=13)
    for text in ("show me a very long request " * 9, "Donaudampfschifffahrtsgesellschaft" * 3, "iiiii " * 90):
        lines = picture._wrapped(text, font, 100, 2)
        assert len(lines) <= 2
        assert all(font.getlength(line) <= 100 for line in lines)
        assert lines[-1].endswith("\u2026")
    assert picture._wrapped("a yellow star on navy", font, 100, 2) == ["a yellow star on", "navy"]


def test_letters_that_the_font_lacks_do_not_become_boxes():
    assert picture._printable("caf\u00e9 \u201c\u661f\u201d \u2014\n a\u00b7b") == 'cafe "?" - a\u00b7b'


def test_a_sheet_of_nothing_is_refused():
    for entries, columns in (([], 3), ([Entry("a", "", None, [DARK])], 0)):
        with pytest.raises(ValueError, match="contact sheet"):
            contact_sheet(entries, columns)


def test_the_same_entries_give_the_same_sheet():
    entries = [Entry("a star", "valid", True, [leds({3: (255, 255, 0)})])]
    assert contact_sheet(entries, 2).tobytes() == contact_sheet(entries, 2).tobytes()
