"""The lamp's 3x5 font: digits, A-Z, space, - + and the narrow : . !

Each glyph is five rows of '#' and '.'; glyphs are 3 LEDs wide, the narrow ones 1, with 1 LED between them.
"""

from __future__ import annotations

GLYPH_HEIGHT = 5
GAP = 1

_ROWS = """
0 ### #.# #.# #.# ###
1 .#. ##. .#. .#. ###
2 ### ..# ### #.. ###
3 ### ..# ### ..# ###
4 #.# #.# ### ..# ..#
5 ### #.. ### ..# ###
6 ### #.. ### #.# ###
7 ### ..# ..# ..# ..#
8 ### #.# ### #.# ###
9 ### #.# ### ..# ###
A .#. #.# ### #.# #.#
B ##. #.# ##. #.# ##.
C .## #.. #.. #.. .##
D ##. #.# #.# #.# ##.
E ### #.. ##. #.. ###
F ### #.. ##. #.. #..
G .## #.. #.# #.# .##
H #.# #.# ### #.# #.#
I ### .#. .#. .#. ###
J ..# ..# ..# #.# .#.
K #.# #.# ##. #.# #.#
L #.. #.. #.. #.. ###
M #.# ### ### #.# #.#
N ##. #.# #.# #.# #.#
O .#. #.# #.# #.# .#.
P ##. #.# ##. #.. #..
Q .#. #.# #.# ##. .##
R ##. #.# ##. #.# #.#
S .## #.. .#. ..# ##.
T ### .#. .#. .#. .#.
U #.# #.# #.# #.# ###
V #.# #.# #.# #.# .#.
W #.# #.# ### ### #.#
X #.# #.# .#. #.# #.#
Y #.# #.# .#. .#. .#.
Z ### ..# .#. #.. ###
- ... ... ### ... ...
+ ... .#. ### .#. ...
: . # . # .
. . . . . #
! # # # . #
"""

# glyph -> its lit cells as (column, row)
GLYPHS: dict[str, frozenset[tuple[int, int]]] = {" ": frozenset()}
WIDTHS: dict[str, int] = {" ": 3}
for _line in _ROWS.strip().splitlines():
    _glyph, *_rows = _line.split()
    GLYPHS[_glyph] = frozenset((x, y) for y, row in enumerate(_rows) for x, cell in enumerate(row) if cell == "#")
    WIDTHS[_glyph] = len(_rows[0])


def lit_cells(content: str) -> frozenset[tuple[int, int]]:
    """Lit (column, row) cells of `content` from its top left corner; unknown characters are blank."""
    cells: set[tuple[int, int]] = set()
    left = 0
    for character in content.upper():
        cells.update((left + x, y) for x, y in GLYPHS.get(character, ()))
        left += WIDTHS.get(character, 3) + GAP
    return frozenset(cells)


def width(content: str) -> int:
    """Columns that `content` takes, without the gap behind the last glyph."""
    return sum(WIDTHS.get(character, 3) + GAP for character in content.upper()) - GAP
