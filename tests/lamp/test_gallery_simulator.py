"""The gallery's simulator, run by node, against the one in Python: frame by frame, instant by instant."""

from __future__ import annotations

import base64
import itertools
import json
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from stages.lamp import font, moments
from stages.lamp.gallery import device
from stages.lamp.program import LEDS, PATTERN_DEFAULTS, Command, Program
from stages.lamp.simulator import Schedule, frame

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="node is not installed, which runs the gallery's simulator")
PAGE = Path(__file__).parents[2] / "stages" / "lamp" / "gallery_page"

# Answers to questions on standard input, as JSON: frames of commands, what plays when, and time-lapses.
DRIVER = """
const { device, frames, schedules, reels } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const { Schedule, frame, timeline } = require(process.argv[1]).simulator(device);
const all = Buffer.concat(frames.map(([command, elapsed, seed]) => Buffer.from(frame(command, elapsed, seed))));
const played = schedules.map(([program, instants]) => {
  const schedule = new Schedule(program);
  return [schedule.total, instants.map((instant) => { const { command, elapsed } = schedule.at(instant);
    return [command, elapsed]; })];
});
const lapses = reels.map(([program, seconds, fps]) => timeline(new Schedule(program), seconds, fps));
console.log(JSON.stringify({ frames: all.toString("base64"), played, lapses }));
"""

Question = tuple[Command, int, int]


def asked(frames: Any = (), schedules: Any = (), reels: Any = ()) -> dict[str, Any]:
    assert NODE is not None
    question = json.dumps({"device": device(), "frames": frames, "schedules": schedules, "reels": reels})
    command = [NODE, "-e", DRIVER, str(PAGE / "simulator.js")]
    done = subprocess.run(command, input=question, capture_output=True, text=True, check=True, timeout=120)
    return dict(json.loads(done.stdout))


def shown_by_node(questions: list[Question]) -> NDArray[np.uint8]:
    """(questions, 172, 3)"""
    levels = base64.b64decode(asked(frames=questions)["frames"])
    return np.frombuffer(levels, np.uint8).reshape(len(questions), LEDS, 3)


def shown_by_python(questions: list[Question]) -> NDArray[np.uint8]:
    return np.stack([frame(*question) for question in questions])


def color(rng: random.Random) -> str:
    digits = rng.choice((3, 6, 6, 6, 8))
    return "#" + "".join(rng.choice("0123456789abcdefABCDEF") for _ in range(digits))


def pattern(name: str, rng: random.Random) -> Command:
    """A pattern with random parameters, some of them left out."""
    values = {"color": color(rng), "color2": color(rng), "bgColor": color(rng)}
    values |= {"speed": rng.choice((1, 49, 50, 130, 1000, 3001, 20_000)), "density": round(rng.random(), 3)}
    params = {key: value for key, value in values.items() if key in PATTERN_DEFAULTS[name] and rng.random() < 0.85}
    return {"type": "pattern", "name": name, "params": params}  # type: ignore[return-value,typeddict-item]


def element(rng: random.Random) -> dict[str, Any]:
    x, y = rng.randrange(10), rng.randrange(14)
    shapes: list[dict[str, Any]] = [
        {"type": "fill"},
        {"type": "pixel", "x": x, "y": y},
        {"type": "rect", "x": x, "y": y, "w": rng.randint(1, 10 - x), "h": rng.randint(1, 14 - y)},
        {"type": "line", "x1": x, "y1": y, "x2": rng.randrange(10), "y2": rng.randrange(14)},
        {"type": "text", "content": "".join(rng.choices("aZ09 :.!-+ß€é", k=5)), "x": rng.randint(-20, 9), "y": y - 4},
    ]
    return {**rng.choice(shapes), "color": color(rng)}


def program(rng: random.Random) -> Program:
    """Steps with or without a loop and an end, the last of them for ever or not."""
    commands = [pattern(rng.choice(list(PATTERN_DEFAULTS)), rng) for _ in range(rng.randint(1, 5))]
    steps: list[dict[str, Any]] = [
        {"id": f"s{number}", "command": command, "duration": rng.choice((1, 30, 400, 2500, 90_000))}
        for number, command in enumerate(commands)
    ]
    if rng.random() < 0.4:
        steps[-1]["duration"] = None
    body: dict[str, Any] = {"name": "n", "steps": steps}
    if rng.random() < 0.6:
        first = rng.randrange(len(steps))
        last = rng.randrange(first, len(steps))
        body["loop"] = {"count": rng.choice((0, 1, 2, 7)), "start_step": f"s{first}", "end_step": f"s{last}"}
    if rng.random() < 0.5:
        body["on_complete"] = {"command": {"type": "stop"}}
    return {"program": body}  # type: ignore[typeddict-item]


@pytest.mark.parametrize("name", PATTERN_DEFAULTS)
def test_a_pattern_looks_the_same_at_every_instant(name: str) -> None:
    rng = random.Random(name)
    commands = [pattern(name, rng) for _ in range(40)]
    instants = [0, 1, 49, 50, 99, 100, 333, 777, 1000, 2950, 3000, 12_345]
    questions = [(command, at, 0) for command in commands for at in instants]
    ours, theirs = shown_by_python(questions), shown_by_node(questions)
    # The sine of two libraries may differ in its last digit, which now and then decides a rounding.
    difference = np.abs(ours.astype(int) - theirs)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-4
    assert len(np.unique(theirs, axis=0)) > 30


def test_sparkle_makes_the_same_draws_for_every_seed_and_density() -> None:
    questions: list[Question] = []
    for density, seed in itertools.product((0, 0.05, 0.5, 1), (0, 1, 2**32 - 1, 2**32 + 5, 2**45)):
        params = {"color": "#FFFFFF", "bgColor": "#101010", "speed": 70, "density": density}
        command: Command = {"type": "pattern", "name": "sparkle", "params": params}  # type: ignore[typeddict-item]
        questions += [(command, at, seed) for at in (0, 70, 700, 7000, 70_000)]
    assert np.array_equal(shown_by_python(questions), shown_by_node(questions))


def test_pictures_are_the_same_led_by_led() -> None:
    rng = random.Random(3)
    questions: list[Question] = [
        ({"type": "render", "elements": [element(rng) for _ in range(rng.randint(1, 9))]}, 0, 0)  # type: ignore[misc]
        for _ in range(400)
    ]
    assert np.array_equal(shown_by_python(questions), shown_by_node(questions))


def test_every_glyph_is_the_same_and_a_stop_is_dark() -> None:
    letters: list[Question] = [
        ({"type": "render", "elements": [{"type": "text", "content": glyph, "x": 1, "y": 2, "color": "#FFF"}]}, 0, 0)
        for glyph in font.GLYPHS
    ]
    questions = [*letters, ({"type": "stop"}, 7, 0)]
    theirs = shown_by_node(questions)
    assert np.array_equal(shown_by_python(questions), theirs)
    assert not theirs[-1].any() and len(np.unique(theirs, axis=0)) == len(questions) - 1  # a space is dark too


def test_the_same_command_plays_at_every_instant() -> None:
    rng = random.Random(4)
    instants = [0, 1, 29, 30, 31, 431, 3000, 92_929, 200_000, 10**9, 10**12]
    programs = [program(rng) for _ in range(200)]
    answers = asked(schedules=[(one, instants) for one in programs])["played"]
    for one, (total, played) in zip(programs, answers, strict=True):
        schedule = Schedule(one)
        assert total == schedule.total_ms
        assert played == [list(schedule.at(instant)) for instant in instants]


@pytest.mark.parametrize(("seconds", "fps"), [(8, 20), (1, 10)])
def test_the_time_lapse_shows_the_same_instants(seconds: int, fps: int) -> None:
    rng = random.Random(5)
    programs = [program(rng) for _ in range(200)]
    lapses = asked(reels=[(one, seconds, fps) for one in programs])["lapses"]
    assert lapses == [moments.timeline(Schedule(one), seconds, fps) for one in programs]
