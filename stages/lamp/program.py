"""The lamp program, defined once: these types give validation, JSON Schema, grammar and documentation.

What is accepted here is what the lamp's firmware accepts. The firmware ignores parameters that a pattern
does not know and has defaults for those that are missing; such programs are valid, and `remarks` in
`validation` lists them. All sizes are in LEDs, all times in milliseconds.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

import orjson
from pydantic import ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict  # pydantic cannot use typing's before Python 3.12

GRID_WIDTH = 10
GRID_HEIGHT = 14
FRONT_LEDS = GRID_WIDTH * GRID_HEIGHT
AMBIENT_LEDS = 32
LEDS = FRONT_LEDS + AMBIENT_LEDS

_STRICT = ConfigDict(extra="forbid", strict=True)
# Pattern parameters: what the firmware ignores is not a defect.
_LENIENT = ConfigDict(extra="allow", strict=True)

Color = Annotated[
    str,
    Field(
        pattern=r"^#(?:[0-9A-Fa-f]{3}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})$",
        description="#RGB, #RRGGBB or #RRGGBBAA",
    ),
]
Column = Annotated[int, Field(ge=0, le=GRID_WIDTH - 1, description="column, 0 is left")]
Line = Annotated[int, Field(ge=0, le=GRID_HEIGHT - 1, description="row, 0 is top")]
Width = Annotated[int, Field(ge=1, le=GRID_WIDTH, description="columns; x + w stays in the grid")]
Height = Annotated[int, Field(ge=1, le=GRID_HEIGHT, description="rows; y + h stays in the grid")]
# Text may start outside the grid, for scrolling; what falls outside is clipped.
TextColumn = Annotated[int, Field(ge=-128, le=GRID_WIDTH - 1, description="left edge of the text")]
TextLine = Annotated[int, Field(ge=-4, le=GRID_HEIGHT - 1, description="top edge of the text")]
Speed = Annotated[int, Field(ge=1, le=3_600_000, description="ms per turn, breath, pulse or tick")]
Density = Annotated[float, Field(ge=0, le=1, description="probability that an LED is lit at a tick")]
Duration = Annotated[int, Field(ge=1, le=604_800_000, description="ms until the next step")]
StepId = Annotated[str, Field(min_length=1, max_length=40, description="unique in the program")]


@with_config(_STRICT)
class Fill(TypedDict):
    """The whole front grid in one colour."""

    type: Literal["fill"]
    color: Color


@with_config(_STRICT)
class Pixel(TypedDict):
    """One LED."""

    type: Literal["pixel"]
    x: Column
    y: Line
    color: Color


@with_config(_STRICT)
class Rect(TypedDict):
    """A filled rectangle, wholly in the grid."""

    type: Literal["rect"]
    x: Column
    y: Line
    w: Width
    h: Height
    color: Color


@with_config(_STRICT)
class Segment(TypedDict):
    """A straight line, both ends included (Bresenham)."""

    type: Literal["line"]
    x1: Column
    y1: Line
    x2: Column
    y2: Line
    color: Color


@with_config(_STRICT)
class Text(TypedDict):
    """Text in a 3x5 font; two or three characters fit a row."""

    type: Literal["text"]
    content: Annotated[str, Field(min_length=1, max_length=40)]
    x: TextColumn
    y: TextLine
    color: Color


Element = Annotated[Fill | Pixel | Rect | Segment | Text, Field(discriminator="type")]


@with_config(_LENIENT)
class SolidParams(TypedDict):
    """All LEDs in `color`."""

    color: NotRequired[Color]


@with_config(_LENIENT)
class GradientParams(TypedDict):
    """Radial and still: `color` in the centre, `color2` at the edge."""

    color: NotRequired[Color]
    color2: NotRequired[Color]


@with_config(_LENIENT)
class BreathingParams(TypedDict):
    """`color` swells and fades, one breath per `speed` ms."""

    color: NotRequired[Color]
    speed: NotRequired[Speed]


@with_config(_LENIENT)
class WaveParams(TypedDict):
    """Rows roll between `color` and `color2`, once per `speed` ms."""

    color: NotRequired[Color]
    color2: NotRequired[Color]
    speed: NotRequired[Speed]


@with_config(_LENIENT)
class RainbowParams(TypedDict):
    """All hues travel over the lamp, once per `speed` ms."""

    speed: NotRequired[Speed]


@with_config(_LENIENT)
class PulseParams(TypedDict):
    """One flash of `color`: a quick rise, then a fall, `speed` ms in all."""

    color: NotRequired[Color]
    speed: NotRequired[Speed]


@with_config(_LENIENT)
class SparkleParams(TypedDict):
    """LEDs light up in `color` at random on `bgColor`."""

    color: NotRequired[Color]
    bgColor: NotRequired[Color]
    speed: NotRequired[Speed]
    density: NotRequired[Density]


@with_config(_STRICT)
class Solid(TypedDict):
    """The pattern `solid`."""

    type: Literal["pattern"]
    name: Literal["solid"]
    params: SolidParams


@with_config(_STRICT)
class Gradient(TypedDict):
    """The pattern `gradient`."""

    type: Literal["pattern"]
    name: Literal["gradient"]
    params: GradientParams


@with_config(_STRICT)
class Breathing(TypedDict):
    """The pattern `breathing`."""

    type: Literal["pattern"]
    name: Literal["breathing"]
    params: BreathingParams


@with_config(_STRICT)
class Wave(TypedDict):
    """The pattern `wave`."""

    type: Literal["pattern"]
    name: Literal["wave"]
    params: WaveParams


@with_config(_STRICT)
class Rainbow(TypedDict):
    """The pattern `rainbow`."""

    type: Literal["pattern"]
    name: Literal["rainbow"]
    params: RainbowParams


@with_config(_STRICT)
class Pulse(TypedDict):
    """The pattern `pulse`."""

    type: Literal["pattern"]
    name: Literal["pulse"]
    params: PulseParams


@with_config(_STRICT)
class Sparkle(TypedDict):
    """The pattern `sparkle`."""

    type: Literal["pattern"]
    name: Literal["sparkle"]
    params: SparkleParams


Pattern = Annotated[Solid | Gradient | Breathing | Wave | Rainbow | Pulse | Sparkle, Field(discriminator="name")]


@with_config(_STRICT)
class Render(TypedDict):
    """Elements drawn in order on the front grid, later over earlier."""

    type: Literal["render"]
    elements: Annotated[list[Element], Field(min_length=1, max_length=512)]


@with_config(_STRICT)
class Stop(TypedDict):
    """Lights off."""

    type: Literal["stop"]


Command = Annotated[Pattern | Render | Stop, Field(discriminator="type")]


@with_config(_STRICT)
class Step(TypedDict):
    """A command and how long it lasts; null stays for ever and only makes sense on the last step."""

    id: StepId
    command: Command
    duration: Duration | None


@with_config(_STRICT)
class Loop(TypedDict):
    """Repeats start_step..end_step `count` times; 0 is endless."""

    count: Annotated[int, Field(ge=0, le=1_000_000)]
    start_step: StepId
    end_step: StepId


@with_config(_STRICT)
class OnComplete(TypedDict):
    """What the lamp shows after the last step."""

    command: Command


@with_config(_STRICT)
class Body(TypedDict):
    """Name, steps, and what happens behind them."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    steps: Annotated[list[Step], Field(min_length=1, max_length=512)]
    loop: NotRequired[Loop | None]
    on_complete: NotRequired[OnComplete | None]


@with_config(_STRICT)
class Program(TypedDict):
    """A whole lamp program, as the lamp receives it."""

    program: Body


# What the firmware assumes where a parameter is missing.
PATTERN_DEFAULTS: dict[str, dict[str, Any]] = {
    "solid": {"color": "#FF6B4A"},
    "gradient": {"color": "#FF6B4A", "color2": "#FFE4C4"},
    "breathing": {"color": "#FF6B4A", "speed": 2000},
    "wave": {"color": "#FF6B4A", "color2": "#FFE4C4", "speed": 2000},
    "rainbow": {"speed": 3000},
    "pulse": {"color": "#FFFFFF", "speed": 500},
    "sparkle": {"color": "#FFFFFF", "bgColor": "#1a1a1a", "speed": 100, "density": 0.1},
}

ADAPTER: TypeAdapter[Program] = TypeAdapter(Program)


def compact(program: Program) -> str:
    """`program` as JSON without spaces, keys in the order in which they stand."""
    return orjson.dumps(program).decode()


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a program, for structured output.

    Asks for more than the lamp needs: every parameter of a pattern is required and no other is allowed,
    so that what we ask a teacher for never depends on firmware defaults.
    """
    schema = ADAPTER.json_schema()
    for name, definition in schema["$defs"].items():
        if name.endswith("Params"):
            definition["required"] = list(definition["properties"])
            definition["additionalProperties"] = False
    return schema
