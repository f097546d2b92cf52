"""The picture library, and pictures as few drawing elements: redrawn, every LED must be right."""

import random

import numpy as np
import pytest
import yaml

from stages.errors import UserError
from stages.lamp import pixel_art, simulator
from stages.lamp.color import rgb
from stages.lamp.pixel_art import Picture, elements, library

ROWS = ["ab........", *["." * 10] * 12, ".........a"]


def entry(**changes):
    made = {"say": ["thing"], "colour": "a", "palette": {"a": "#FF0000", "b": "#00FF00"}}
    return {**made, "picture": "\n".join(ROWS) + "\n", **changes}


def write(folder, **pictures):
    folder.mkdir(exist_ok=True)
    (folder / "toys.yaml").write_text(yaml.safe_dump(pictures))
    return folder


def refusal(folder, **pictures):
    """The one line that refuses a library."""
    with pytest.raises(UserError) as caught:
        library(write(folder, **pictures))
    assert "\n" not in str(caught.value) and "toys.yaml" in str(caught.value)
    return str(caught.value)


def shown(picture, ground="#000000"):
    drawn = {"type": "render", "elements": elements(picture, ground)}
    return simulator.grid(simulator.frame(drawn, 0))


def wanted(picture, ground="#000000"):
    return np.array([[rgb(color or ground) for color in row] for row in picture.colors()], np.uint8)


# The library ---------------------------------------------------------------------------------------------


def test_a_picture_is_read_with_all_that_is_said_of_it(tmp_path):
    picture = library(write(tmp_path / "art", thing=entry(article="")))["thing"]
    assert picture == Picture("thing", "toys", ("thing",), "", "a", {"a": "#FF0000", "b": "#00FF00"}, tuple(ROWS))
    assert library(write(tmp_path / "more", thing=entry()))["thing"].article is None


def test_the_lit_cells_are_x_and_y(tmp_path):
    picture = library(write(tmp_path / "art", thing=entry()))["thing"]
    assert picture.mask() == {(0, 0), (1, 0), (9, 13)}
    assert picture.colors()[0][:3] == ["#FF0000", "#00FF00", None]
    assert picture.bits == 1 + 2 + (1 << 139), "bit y * 10 + x of an integer"


def test_a_recoloured_picture_changes_its_main_colour_only(tmp_path):
    picture = library(write(tmp_path / "art", thing=entry()))["thing"]
    blue = picture.recoloured("#0000FF")
    assert blue.palette == {"a": "#0000FF", "b": "#00FF00"} and blue.cells == picture.cells
    assert picture.palette["a"] == "#FF0000", "the original stays as it was"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"picture": "\n".join([ROWS[0] + ".", *ROWS[1:]])}, "row 1 is 11 wide: 'ab.........'"),
        ({"picture": "\n".join([*ROWS[:13], ROWS[13][:9]])}, "row 14 is 9 wide"),
        ({"picture": "\n".join(ROWS[:13])}, "13 rows; a picture has 14"),
        ({"picture": "\n".join([*ROWS, ROWS[1]])}, "15 rows; a picture has 14"),
        ({"picture": "\n".join([*ROWS[:4], "..z.....y.", *ROWS[5:]])}, "row 5 has yz, which is not in its"),
        ({"colour": "c"}, "colour 'c' is not in its palette"),
    ],
)
def test_a_picture_that_is_not_right_gives_one_line_with_file_and_picture(tmp_path, change, said):
    line = refusal(tmp_path / "art", fine=entry(), thing=entry(**change))
    assert said in line and "toys.yaml: thing" in line


@pytest.mark.parametrize("key", ["say", "colour", "palette", "picture"])
def test_a_picture_that_lacks_a_key_gives_one_line_with_file_and_picture(tmp_path, key):
    line = refusal(tmp_path / "art", thing={name: part for name, part in entry().items() if name != key})
    assert f"toys.yaml: thing: no {key};" in line


def test_a_name_that_two_files_use_is_refused(tmp_path):
    folder = write(tmp_path / "art", thing=entry())
    (folder / "zoo.yaml").write_text(yaml.safe_dump({"thing": entry()}))
    with pytest.raises(UserError, match=r"zoo\.yaml: thing is also in toys\.yaml"):
        library(folder)


def test_an_empty_folder_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(UserError, match="no pictures"):
        library(tmp_path)


# At half its size --------------------------------------------------------------------------------------------

BLOCKS = ("bbaa......", "ba.a......", "..........", "a.........", *["." * 10] * 10)


def toy(cells):
    return Picture("toy", "t", ("x",), None, "a", {"a": "#F00", "b": "#0F0"}, tuple(cells))


def test_four_leds_become_one_of_the_colour_that_most_of_them_have():
    small = pixel_art.placed(toy(BLOCKS), "top")
    # bb/ba is b; aa/.a is a; ../a. is lost, as a single LED would be noise.
    assert small.cells == ("..ba......", *["." * 10] * 13)


def test_of_two_colours_that_are_equally_many_the_first_is_taken():
    assert pixel_art.placed(toy(("ba........", "ab........", *["." * 10] * 12)), "top").cells[0][2] == "b"


@pytest.mark.parametrize(("place", "rows"), [("small", (3, 10)), ("top", (0, 7)), ("bottom", (7, 14))])
def test_a_small_picture_stands_in_the_middle_in_the_top_half_or_in_the_bottom_half(place, rows):
    full = pixel_art.placed(toy(("a" * 10,) * 14), place)
    assert full.mask() == {(x, y) for x in range(2, 7) for y in range(*rows)}
    assert full.palette == {"a": "#F00", "b": "#0F0"}, "still to be recoloured"


def test_nothing_of_the_library_disappears_at_half_its_size(words):
    for name, picture in words.pictures.items():
        small = pixel_art.placed(picture, "small")
        assert len(small.mask()) >= len(picture.mask()) / 8, name
        assert np.array_equal(shown(small), wanted(small)), name


# As drawing elements ---------------------------------------------------------------------------------------


def test_every_picture_of_the_library_is_redrawn_led_by_led(words):
    assert len(words.pictures) > 230
    for name, picture in words.pictures.items():
        assert np.array_equal(shown(picture), wanted(picture)), name


def test_every_recoloured_picture_on_a_ground_is_redrawn_led_by_led(words):
    for name, picture in words.pictures.items():
        changed = picture.recoloured("#123456")
        assert np.array_equal(shown(changed, "#FEDCBA"), wanted(changed, "#FEDCBA")), name


def test_any_picture_is_redrawn_led_by_led():
    draw = random.Random(3)
    for number in range(15):
        letters = "ab." if number % 2 else "abc" * 2 + "."
        cells = tuple("".join(draw.choice(letters) for _ in range(10)) for _ in range(14))
        picture = Picture("noise", "t", ("x",), None, "a", {"a": "#F00", "b": "#0F0", "c": "#00F"}, cells)
        assert np.array_equal(shown(picture), wanted(picture))


def test_a_dark_picture_is_a_fill_alone():
    picture = Picture("dark", "t", ("x",), None, "a", {"a": "#F00"}, ("." * 10,) * 14)
    assert elements(picture, "#001122") == [{"type": "fill", "color": "#001122"}]


def test_a_rectangle_takes_one_element_and_a_frame_around_another_takes_two():
    cells = ["." * 10, *[".bbbbbb..."] * 2, *[".baaaab..."] * 4, ".bbbbbb...", *["." * 10] * 6]
    picture = Picture("framed", "t", ("x",), None, "a", {"a": "#F00", "b": "#0F0"}, tuple(cells))
    assert elements(picture)[1:] == [
        {"type": "rect", "x": 1, "y": 1, "w": 6, "h": 7, "color": "#0F0"},
        {"type": "rect", "x": 2, "y": 3, "w": 4, "h": 4, "color": "#F00"},
    ]


def test_nothing_is_painted_without_need():
    cells = ("bbbbaa....",) * 4 + ("." * 10,) * 10
    picture = Picture("pair", "t", ("x",), None, "a", {"a": "#F00", "b": "#0F0"}, cells)
    assert elements(picture)[1:] == [
        {"type": "rect", "x": 4, "y": 0, "w": 2, "h": 4, "color": "#F00"},
        {"type": "rect", "x": 0, "y": 0, "w": 4, "h": 4, "color": "#0F0"},
    ]


def test_one_led_is_a_pixel():
    cells = ("." * 10,) * 13 + (".........a",)
    picture = Picture("dot", "t", ("x",), None, "a", {"a": "#F00"}, cells)
    assert elements(picture)[1:] == [{"type": "pixel", "x": 9, "y": 13, "color": "#F00"}]


def test_pictures_take_far_fewer_elements_than_they_have_leds(words):
    for name, picture in words.pictures.items():
        assert len(elements(picture)) - 1 <= len(picture.mask()) / 1.5, name


def test_drawing_twice_does_not_share_elements(words):
    star = words.pictures["star"]
    first = elements(star)
    first[1]["color"] = "#changed"
    assert elements(star)[1]["color"] != "#changed"


def test_a_recoloured_picture_has_the_elements_of_the_original_in_other_colours(words):
    owl = words.pictures["owl"]
    blue = elements(owl.recoloured("#0000FF"))
    for one, other in zip(elements(owl), blue, strict=True):
        main = one["color"] == owl.palette[owl.colour]
        assert {**one, "color": ""} == {**other, "color": ""}
        assert other["color"] == ("#0000FF" if main else one["color"])


def test_the_mask_is_where_the_cells_are_not_ground(words):
    assert pixel_art.GROUND == "."
    for picture in words.pictures.values():
        assert len(picture.mask()) == 140 - "".join(picture.cells).count(".")
