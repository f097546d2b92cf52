"""`lampforge pictures`: a contact sheet of all of the library, of groups or of single pictures."""

import pytest
import yaml
from click.testing import CliRunner
from PIL import Image

from stages.lamp.album import pictures

BLANK = ["." * 10] * 14


def run(*arguments):
    return CliRunner().invoke(pictures, [str(argument) for argument in arguments])


def toy(say, rows=BLANK):
    return {
        "say": [say],
        "colour": "a",
        "palette": {"a": "#FF0000"},
        "picture": "\n".join(["aa" + rows[0][2:], *rows[1:]]),
    }


@pytest.fixture
def folder(tmp_path):
    art = tmp_path / "art"
    art.mkdir()
    (art / "animals.yaml").write_text(yaml.safe_dump({"owl": toy("owl"), "fox": toy("fox")}))
    (art / "food.yaml").write_text(yaml.safe_dump({"apple": toy("apple")}))
    return art


def test_the_whole_library_is_shown_without_names(folder, tmp_path):
    out = tmp_path / "sheet.png"
    result = run("--folder", folder, "--out", out)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"wrote {out}: 3 pictures\n"
    with Image.open(out) as sheet:
        assert sheet.format == "PNG" and min(sheet.size) > 100
        colors = [color for _, color in sheet.convert("RGB").getcolors(1 << 20)]
        assert any(red > 200 and green < red / 2 for red, green, _ in colors), "the red LEDs are lit"


@pytest.mark.parametrize(
    ("wanted", "count"), [(["animals"], 2), (["owl"], 1), (["food", "fox"], 2), (["animals", "owl"], 2)]
)
def test_groups_and_pictures_are_chosen_by_name(folder, tmp_path, wanted, count):
    assert f"{count} pictures" in run(*wanted, "--folder", folder, "--out", tmp_path / "sheet.png").stdout


def test_more_pictures_make_a_larger_sheet(folder, tmp_path):
    sizes = []
    for number, wanted in enumerate((["owl"], ["animals"])):
        out = tmp_path / f"{number}.png"
        run(*wanted, "--folder", folder, "--out", out)
        with Image.open(out) as sheet:
            sizes.append(sheet.size)
    assert sizes[1][0] > sizes[0][0] and sizes[1][1] == sizes[0][1]


def test_a_name_that_is_not_there_is_answered_with_the_groups(folder, tmp_path):
    result = run("owlet", "--folder", folder, "--out", tmp_path / "sheet.png")
    assert result.exit_code == 2 and result.stderr.count("\n") == 1
    assert f"owlet: neither a group nor a picture in {folder}; groups are animals, food" in result.stderr
    assert not (tmp_path / "sheet.png").exists()


def test_a_picture_that_is_eleven_wide_is_one_clear_line_and_no_sheet(folder, tmp_path):
    wide = toy("pear", [*BLANK[:5], "." * 11, *BLANK[6:]])
    (folder / "fruit.yaml").write_text(yaml.safe_dump({"pear": wide}))
    result = run("--folder", folder, "--out", tmp_path / "sheet.png")
    assert result.exit_code == 2 and result.stderr.count("\n") == 1
    assert "fruit.yaml: pear: row 6 is 11 wide: '...........'; a row has 10 letters" in result.stderr
    assert not (tmp_path / "sheet.png").exists()
