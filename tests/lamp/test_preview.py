"""`lampforge preview`: every kind of source, every way to see it, and one clear line for each mistake."""

import io
import json
import time

import pytest
from click.testing import CliRunner
from PIL import Image

from stages.lamp.preview import _duration, preview

BLUE = {"type": "pattern", "name": "solid", "params": {"color": "#0000FF"}}
WAVE = {"type": "pattern", "name": "wave", "params": {}}
BLUE_LED = "48;2;0;0;255m"


def program(command, name="test", duration=None):
    return {"program": {"name": name, "steps": [{"id": "a", "command": command, "duration": duration}]}}


def run(*arguments, stdin=None):
    return CliRunner().invoke(preview, [str(argument) for argument in arguments], input=stdin)


def fails_with(result, *said):
    """Exit code 2, nothing on stdout, and these words on the only line of stderr."""
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    for words in said:
        assert str(words) in result.stderr


@pytest.fixture
def rows(tmp_path):
    """A .jsonl file with a row of each kind."""
    text = json.dumps(program(BLUE))
    chat = [{"role": "user", "content": "blue"}, {"role": "assistant", "content": text}]
    kinds = [
        {"prompt": "x", "response": json.dumps(program({"type": "stop"}))},
        {"response": text},
        {"messages": chat},
        {"response": program(BLUE)},
        program(BLUE),
        {"prompt": "no answer", "category": "text"},
        {"response": json.dumps(program(BLUE, duration="soon"))},
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in kinds) + "{not json\n")
    return path


# Sources


def test_json_text_is_shown():
    shown = run(json.dumps(program(BLUE, name="all [blue]")))
    assert shown.exit_code == 0
    assert shown.stdout.count(BLUE_LED) == 140
    assert "all [blue]: 1 step, never ends" in shown.stdout


def test_a_file_and_standard_input_are_shown(tmp_path):
    (tmp_path / "blue.json").write_text(json.dumps(program(BLUE)))
    assert run(tmp_path / "blue.json").stdout.count(BLUE_LED) == 140
    assert run("-", stdin=json.dumps(program(BLUE))).stdout.count(BLUE_LED) == 140


@pytest.mark.parametrize("row", [2, 3, 4, 5])
def test_a_row_of_each_kind_is_shown(rows, row):
    assert run(rows, "--row", row).stdout.count(BLUE_LED) == 140


def test_the_first_row_is_shown_unless_another_is_asked_for(rows):
    assert run(rows).stdout.count(BLUE_LED) == 0
    assert run(rows).exit_code == 0


# Mistakes


def test_every_defect_has_its_line_with_file_and_row(tmp_path):
    wrong = program({"type": "pattern", "name": "sold", "params": {}})
    wrong["program"]["steps"].append({"id": "b", "command": BLUE, "duration": -5})
    (tmp_path / "rows.jsonl").write_text("{}\n" + json.dumps({"response": json.dumps(wrong)}) + "\n")
    result = run(tmp_path / "rows.jsonl", "--row", 2)
    first, second = result.stderr.splitlines()
    assert result.exit_code == 2
    where = f"error: {tmp_path}/rows.jsonl:2: $.program.steps"
    assert first.startswith(f"{where}[0].command.name: unknown-type: 'sold'")
    assert second.startswith(f"{where}[1].duration: bad-value: -5")


def test_what_is_not_json_is_reported_in_one_line(tmp_path, rows):
    (tmp_path / "text").write_text("hello")
    fails_with(run(tmp_path / "text"), f"{tmp_path}/text: ", "not-json", "hello")
    fails_with(run("-", stdin="hello"), "standard input: ", "not-json")
    fails_with(run('{"program":'), "SOURCE: ", "not-json")
    fails_with(run(rows, "--row", 8), f"{rows}:8", "not JSON")


def test_a_missing_file_is_reported_in_one_line():
    fails_with(run("heart.json"), "heart.json: no such file", "JSON text")
    fails_with(run("x" * 5000), "xxx...: no such file")
    assert len(run("x" * 5000).stderr) < 200


def test_a_wrong_row_number_is_reported_with_the_right_ones(tmp_path, rows):
    fails_with(run(rows, "--row", 9), "no row 9", "from 1 to 8")
    fails_with(run(rows, "--row", 0), "no row 0", "from 1 to 8")
    (tmp_path / "empty.jsonl").write_text("")
    fails_with(run(tmp_path / "empty.jsonl"), "it is empty")
    fails_with(run("blue.json", "--row", 1), "--row 1", "only a .jsonl file")


def test_a_row_without_a_program_is_reported_with_its_keys(rows):
    fails_with(run(rows, "--row", 6), f"{rows}:6", "prompt, category")


def test_a_picture_that_cannot_be_written_is_reported_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    for option in ("--png", "--gif"):
        fails_with(run(json.dumps(program(BLUE)), option, tmp_path / "file" / "a"), tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_an_invalid_program_writes_no_picture(tmp_path, rows):
    fails_with(run(rows, "--row", 7, "--png", tmp_path / "a.png"), f"{rows}:7", "duration")
    assert not (tmp_path / "a.png").exists()


# Pictures


def test_a_png_and_a_gif_are_written_at_once(tmp_path):
    still, animation = tmp_path / "new" / "a.png", tmp_path / "a.gif"
    result = run(json.dumps(program(BLUE)), "--png", still, "--gif", animation)
    assert result.stdout.splitlines() == [f"wrote {still}", f"wrote {animation}"]
    assert Image.open(still).format == "PNG"
    assert Image.open(animation).format == "GIF"


def test_at_chooses_the_instant(tmp_path):
    both = program(BLUE, duration=1000)
    both["program"]["on_complete"] = {"command": {"type": "stop"}}
    text = json.dumps(both)
    assert run(text, "--at", 999).stdout.count(BLUE_LED) == 140
    assert run(text, "--at", 1000).stdout.count(BLUE_LED) == 0
    run(text, "--at", 1000, "--png", tmp_path / "late.png")
    run(text, "--png", tmp_path / "early.png")
    assert Image.open(tmp_path / "late.png").getextrema()[2][1] < 80
    assert Image.open(tmp_path / "early.png").getextrema()[2][1] > 250


# Terminals


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def watched(monkeypatch):
    """Calls the command as in a terminal; gives what was written and for how long it paused (seconds)."""

    def show(command, **options):
        terminal, clock = Terminal(), [100.0]
        monkeypatch.setattr("sys.stdout", terminal)
        monkeypatch.setattr(time, "monotonic", lambda: clock[0])
        monkeypatch.setattr(time, "sleep", lambda seconds: clock.append(clock.pop() + seconds))
        asked = {"row": None, "png": None, "gif": None, "at": None, "still": False} | options
        preview.callback(json.dumps(program(command)), **asked)
        return terminal.getvalue(), clock[0] - 100

    return show


def test_in_a_terminal_a_program_that_moves_plays_for_some_seconds(watched):
    written, seconds = watched(WAVE)
    assert seconds == pytest.approx(6)
    assert 120 <= written.count("\u2584") / 20 <= 122  # 20 pictures a second, each with a top edge of 20
    assert len(set(written.splitlines())) > 150  # rows of many colours
    assert written.endswith("never ends\x1b[0m\n")


def test_in_a_terminal_a_program_that_stands_still_is_shown_once(watched):
    written, seconds = watched(BLUE)
    assert (written.count(BLUE_LED), seconds) == (140, 0)


@pytest.mark.parametrize("options", [{"still": True}, {"at": 0}])
def test_still_and_at_show_one_frame(watched, options):
    written, seconds = watched(WAVE, **options)
    assert seconds == 0
    assert written.count("\n") == 17


def test_ctrl_c_ends_the_animation_without_an_error(watched, monkeypatch):
    def interrupted(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr("rich.live.Live.update", lambda *args, **options: interrupted(0))
    written, _ = watched(WAVE)
    assert "never ends" in written


def test_without_a_terminal_there_is_one_frame_in_colour_even_with_no_color_set(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    shown = run(json.dumps(program(WAVE)))
    assert shown.stdout.count("\n") == 17
    assert "48;2;" in shown.stdout


@pytest.mark.parametrize(
    ("ms", "said"), [(2500, "2.5 s"), (90_000, "1 min 30 s"), (3_900_000, "1 h 5 min"), (7_200_000, "2 h")]
)
def test_durations_read_as_people_say_them(ms, said):
    assert _duration(ms) == said
