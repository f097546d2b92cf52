"""A request and what it means: the teacher answers from the meaning, and every check uses it."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict

Version = Literal["v1", "v2"]
Category = Literal[
    "pattern", "render", "multi_step", "mixed", "text", "creative", "edge_case",
    "render_diverse", "contextual", "conversational", "seasonal_holiday",
]  # fmt: skip
Intent = Literal[
    "picture", "clock", "text", "weather", "status", "pattern", "blend", "mood", "scene", "timer", "pomodoro",
    "countdown", "dim", "candle", "fade", "cycle", "then", "sequence", "off",
]  # fmt: skip
Change = Literal[
    "slower", "faster", "brighter", "dimmer", "warmer", "cooler", "recolor", "add_sparkle", "breathe", "still",
    "calmer", "livelier",
]  # fmt: skip


class Meaning(TypedDict, total=False):
    """What a request asks for. Only the keys that its intent needs are there.

    object: a picture's name. colors: #RRGGBB in the order in which they were said. ground: background of a
    picture or text. place: `small`, `top` or `bottom`; of a countdown's digits `big`. motion: `blinks`,
    `sparkles` (pictures) or `scrolls` (text). pattern: a pattern's name. tempo: slow, medium or fast.
    brightness: dim or bright. mood, scene: names in the seed data. title: what to call the program. text:
    what to write. status: battery, bars or level, and its percent. number: where a countdown starts, or
    degrees. hour, minute: 1-12 and 0-59. *_ms: durations. first, second: the two parts of `then`. parts:
    what a `sequence` shows in turn. change: what to do to a program that is running already; the other keys
    say what it means where none is.
    """

    intent: Intent
    object: str
    colors: list[str]
    ground: str
    place: str
    motion: str
    pattern: str
    tempo: str
    brightness: str
    mood: str
    scene: str
    title: str
    text: str
    status: str
    percent: int
    number: int
    weather: str
    hour: int
    minute: int
    duration_ms: int
    work_ms: int
    break_ms: int
    first: str
    second: str
    parts: list[Meaning]
    change: Change


class Request(TypedDict):
    """One row of prompts.jsonl.

    template: the phrase that it was made from, as file, sub-category and number. running: in rows of answers,
    the program that is running when a follow-up is said.
    """

    id: str
    prompt: str
    category: str
    subcategory: str
    version: str
    template: str
    meaning: Meaning
    running: NotRequired[str]
