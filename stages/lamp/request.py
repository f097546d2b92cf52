"""A request and what it means: the teacher answers from the meaning, and every check uses it."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict

Category = Literal["pattern", "render", "multi_step", "mixed", "text", "creative", "edge_case"]
Intent = Literal[
    "picture", "clock", "text", "weather", "pattern", "mood", "scene", "timer", "pomodoro",
    "countdown", "dim", "fade", "cycle", "then", "off",
]  # fmt: skip


class Meaning(TypedDict, total=False):
    """What a request asks for. Only the keys that its intent needs are there.

    object: a picture's name. colors: #RRGGBB in the order in which they were said. ground: background of a
    picture or text. pattern: a pattern's name. tempo: slow, medium or fast. mood, scene: names in the seed
    data. text: what to write. number: where a countdown starts, or degrees. hour, minute: 1-12 and 0-59.
    *_ms: durations. motion: `blinks`. first, second: the two parts of `then`.
    """

    intent: Intent
    object: str
    colors: list[str]
    ground: str
    pattern: str
    tempo: str
    mood: str
    scene: str
    text: str
    number: int
    weather: str
    hour: int
    minute: int
    duration_ms: int
    work_ms: int
    break_ms: int
    motion: str
    first: str
    second: str


class Request(TypedDict):
    """One row of prompts.jsonl."""

    id: str
    prompt: str
    category: str
    meaning: Meaning
