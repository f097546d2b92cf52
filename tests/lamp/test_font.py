"""The 3x5 font: which glyphs it has, and how wide text is."""

import string

import pytest

from stages.lamp import font


def drawn(text):
    cells = font.lit_cells(text)
    width = font.width(text)
    return ["".join(".#"[(x, y) in cells] for x in range(width)) for y in range(font.GLYPH_HEIGHT)]


def test_the_font_has_the_glyphs_of_the_lamp_and_no_others():
    assert set(font.GLYPHS) == {*string.digits, *string.ascii_uppercase, *" -+:.!"}
    assert font.GLYPHS.keys() == font.WIDTHS.keys()


def test_glyphs_are_3_wide_and_the_narrow_ones_1():
    assert {glyph for glyph, width in font.WIDTHS.items() if width == 1} == {":", ".", "!"}
    assert set(font.WIDTHS.values()) == {1, 3}


@pytest.mark.parametrize("glyph", sorted(font.GLYPHS))
def test_a_glyph_stays_in_its_box_and_is_told_from_all_others(glyph):
    cells = font.GLYPHS[glyph]
    assert all(0 <= x < font.WIDTHS[glyph] and 0 <= y < 5 for x, y in cells)
    assert bool(cells) == (glyph != " ")
    assert [other for other in font.GLYPHS if font.GLYPHS[other] == cells] == [glyph]


def test_text_is_drawn_with_a_gap_of_one_between_glyphs():
    assert drawn("7:L") == ["###...#..", "..#.#.#..", "..#...#..", "..#.#.#..", "..#...###"]


def test_small_letters_look_like_large_ones():
    assert font.lit_cells("abz") == font.lit_cells("ABZ") and font.width("abz") == font.width("ABZ")


@pytest.mark.parametrize(
    ("text", "width"), [("", -1), ("A", 3), ("AB", 7), ("ABC", 11), ("1:2", 9), ("!", 1), (" ", 3), ("é", 3)]
)
def test_the_width_leaves_out_the_gap_behind_the_last_glyph(text, width):
    assert font.width(text) == width


def test_what_the_font_lacks_is_blank_but_takes_room():
    assert font.lit_cells("é") == frozenset()
    assert font.lit_cells("é1") == font.lit_cells(" 1") == {(x + 4, y) for x, y in font.GLYPHS["1"]}


@pytest.mark.parametrize("text", ["HELLO", "12:45", "A.B!"])
def test_the_last_lit_column_is_within_the_width(text):
    assert max(x for x, _ in font.lit_cells(text)) <= font.width(text) - 1
