"""The lamp in a terminal, looked at cell by cell."""

import numpy as np
from rich.cells import cell_len

from stages.lamp.terminal import terminal


def color_at(text, line, cell):
    """The style of a cell of a Text."""
    offset = sum(len(each) + 1 for each in text.plain.split("\n")[:line]) + cell
    styles = [str(span.style) for span in text.spans if span.start <= offset < span.end]
    return styles[0] if styles else ""


def test_a_terminal_picture_has_an_led_on_two_cells_and_the_ambient_leds_around():
    lit = {12: (255, 0, 0), 139: (0, 255, 0)}
    sides = {140: (1, 1, 1), 155: (2, 2, 2), 156: (3, 3, 3), 164: (4, 4, 4)}  # top, right, bottom, left
    frame = np.zeros((172, 3), np.uint8)
    for led, color in (lit | sides).items():
        frame[led] = color
    text = terminal(frame)
    lines = text.plain.split("\n")
    assert len(lines) == 16
    assert {cell_len(line) for line in lines[1:15]} == {22}
    assert color_at(text, 2, 5) == color_at(text, 2, 6) == "on #ff0000"
    assert color_at(text, 14, 20) == "on #00ff00"
    assert color_at(text, 1, 1) == "on #191a1f"  # unlit, but there
    assert color_at(text, 0, 1) == "#010101"
    assert color_at(text, 14, 21) == "#020202"
    assert color_at(text, 15, 20) == "#030303"
    assert color_at(text, 14, 0) == "#040404"
