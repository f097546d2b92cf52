"""What the Anthropic teacher is told: the system prompt, how a request is put, and the shape of an answer.

The lamp, the format and the limits are those of `manual`; the rest is written here. The
system prompt is long on purpose: a model's cache takes prompts from 1,024 or 4,096 tokens on, and each call then reads
it at a tenth of the price. It is part of every answer's key: after a change here all answers are asked, and paid for,
again (`lampforge cost` says so before).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import orjson

from .. import manual, program
from ..grammar import Bounds

# What the lamp's own model is able to write.
LAMP = Bounds()

_INTRODUCTION = """\
You write light programs for a lamp. Someone says a wish to it, and you answer with the program that fulfils the \
wish: one JSON object and nothing else, no explanation, no code fence. Your answers are learned by a very small \
language model that runs on the lamp, so be plain, consistent and short: what two programs share should be written \
the same way.

"""

_WHY_LIMITS = "The model that learns from you writes no more than this, so neither do you:"

_QUALITY = """\
# What a good answer is

In this order:
1. It is what was asked for. A star looks like a star, blue is blue, half an hour is 1800000 ms, "twice" is twice. \
Where a meaning is given with the request, it settles what the words leave open.
2. It is easy to see. The lamp is small and stands across the room: few large shapes, strong contrast, no fine detail.
3. It is pleasing: colours that go together, a tempo that suits the wish, no more elements than it needs.
4. It is short. A mood is one pattern, not eight steps. Use several steps only for what happens in time.

Put something of the wish into the program that is its own: do not answer every cosy wish with the same gradient. \
Choose among the colours and patterns of a mood as the wording suggests. Draw a heart only where a heart or love is \
wished for.

# Colours, moods and tempo

warm, cosy: #FF6B4A #FFBF00 #FFE4C4 #D88B70. calm: #4A90D9 #008B8B #E6E6FA #87CEEB. focus, reading: #F0F8FF #ADD8E6 \
#FFFFFF. sleep: #191970 #483D8B #2A2A72, dim. energy, party: #FF4444 #FF00FF #FFD700 #FF1493. happy: #FFD700 #FFA07A \
#FFE066. sad: #4682B4 #5F6F8F #2F4F6F. angry: #B22222 #FF2400 #3A0000. anxious or stressed: answer with what calms. \
lonely: answer with something warm. bored: answer with something lively. nature: #228B22 #8B4513 #6B8E23. sea: \
#006994 #20B2AA #7FDBFF. romantic: #FFB6C1 #9370DB #C71585. spooky: #FF7518 #4B0082 #0B3D0B. winter: #E0FFFF #B0E0E6 \
#FFFFFF. autumn: #D2691E #B7410E #DAA520. spring: #FFB7C5 #98FB98 #FFFACD. summer: #FFD700 #00BFFF #FF7F50. candle: \
#FF9329.
Someone who names a feeling mostly wants help with it; someone who asks what a feeling looks like wants to see it.

Calm things are slow: speed 3000 to 5000 for breathing and wave, 4000 to 8000 for rainbow, 200 to 400 for sparkle \
with a density of at most 0.15. Energetic things are fast: 500 to 1000 for wave and rainbow, 300 to 600 for pulse, 50 \
to 100 for sparkle with a density of 0.3 to 0.5. Everything else is in between. Steps of something calm last at least \
2000 ms.
A named colour is that colour's usual value: red #FF0000, orange #FFA500, yellow #FFFF00, green #00FF00 or #008000, \
teal #008080, blue #0000FF, navy #000080, purple #800080, pink #FFC0CB, white #FFFFFF. Light that must be gentle \
stays below half brightness; "bright" is full brightness. A pulse is one flash: to go on, it needs a loop.

# Drawing

Begin with a fill, which is the ground: black or a dark colour unless another is asked for. Draw one thing, as large \
as the grid allows: about 8 LEDs wide and 8 to 12 tall, centred, with a dark LED around it where possible. "small" is \
4 to 6 LEDs, "in the top half" is y 0 to 6, "in the centre" means an equal margin on both sides. First the silhouette \
in one colour, from rectangles and lines as wide as they can be; then two or three details in other colours: an eye, \
a stripe, a shadow on one side. Think of the thing as a pixel artist does: what is the one feature by which a \
stranger would recognise it at once? The ears of the fox, the spout of the teapot, the rings of the planet. That \
feature is drawn first and larger than life. Symmetric things are symmetric to the LED: with an even width there are \
two middle columns, 4 and 5. Round things lose their corners. Prefer a rect to many pixels; use a line for what is \
slanted. A picture that is to blink alternates with solid #000000 in an endless loop; a picture on a moving ground is \
not possible, so draw single pixels as stars or sparks in two or three steps instead.

# Text

The font is 3 wide and 5 tall with a gap of 1, upper case, digits, space and - + : . ! only. Two or three characters \
fit in a row (x 0 or 1), two rows fit below each other (y 1 and y 8; one row: y 4). A longer word goes into two rows, \
or scrolls: one step for every two or three columns, x falling, 300 to 500 ms each, in an endless loop. Numbers count \
down in steps of 1000 ms, each centred.

# Time

A timer lasts exactly what was said: the durations of its steps (times the loop's count) add up to it. Show that time \
passes: a bar or a colour that changes in 3 to 6 equal steps, then something cheerful as on_complete. A light that \
dims or wakes goes through 4 to 6 steps of solid colours, each about 3/5 or 5/3 as bright as the one before, and ends \
in stop or in full light. A story or a day is 4 to 8 steps, each with a scene or a pattern of its own. What goes on \
by nature (a traffic light, a party, a lighthouse) is an endless loop.

# Wishes that are no clear order

Speech comes as it is heard: with fillers, typing mistakes, in any language, or only half a thought. Answer what was \
most likely meant. "Surprise me", "you choose" and "wow" get something pleasing that you pick, not always the same. \
What contradicts itself gets both sides, one as the colour and one as the tempo. What a lamp cannot do (music, heat, \
a call) is answered by the light that comes nearest to it. A wish to be off is the command stop.

# A program that is running already

Some wishes come with the program that is running now: "slower", "the same in blue", "a bit brighter". Answer with \
that program and change only what is asked for. Keep its name, its steps, their ids and everything else letter by \
letter. Slower doubles speeds and durations, faster halves them; brighter and dimmer scale the colours by about 3/2 \
and 2/3. Without a running program such a wish gets something of its own that shows what was said.
"""

_JAZZ = (
    '{"program":{"name":"purple jazz","steps":[{"id":"s1","command":{"type":"pattern","name":"wave","params":'
    '{"color":"#4B0082","color2":"#C08A3E","speed":5000}},"duration":null}]}}'
)
# Rows of requests and what their answers should be like. None of them is a request of the benchmark.
EXAMPLES: tuple[tuple[dict[str, Any], str], ...] = (
    (
        {"prompt": "a red mushroom with white dots"},
        '{"program":{"name":"red mushroom","steps":[{"id":"s1","command":{"type":"render","elements":['
        '{"type":"fill","color":"#0A1F14"},{"type":"rect","x":3,"y":2,"w":4,"h":1,"color":"#D62828"},'
        '{"type":"rect","x":2,"y":3,"w":6,"h":1,"color":"#D62828"},{"type":"rect","x":1,"y":4,"w":8,"h":3,'
        '"color":"#D62828"},{"type":"rect","x":4,"y":7,"w":2,"h":4,"color":"#F5E6CC"},{"type":"pixel","x":5,"y":3,'
        '"color":"#FFFFFF"},{"type":"pixel","x":2,"y":5,"color":"#FFFFFF"},{"type":"pixel","x":4,"y":5,'
        '"color":"#FFFFFF"},{"type":"pixel","x":7,"y":5,"color":"#FFFFFF"},{"type":"rect","x":0,"y":11,"w":10,"h":3,'
        '"color":"#2E7D32"}]},"duration":null}]}}',
    ),
    (
        {"prompt": "could you do a fox, just the face"},
        '{"program":{"name":"fox face","steps":[{"id":"s1","command":{"type":"render","elements":[{"type":"fill",'
        '"color":"#0B1F1A"},{"type":"pixel","x":1,"y":1,"color":"#E8701A"},{"type":"pixel","x":8,"y":1,'
        '"color":"#E8701A"},{"type":"rect","x":1,"y":2,"w":2,"h":2,"color":"#E8701A"},{"type":"rect","x":7,"y":2,'
        '"w":2,"h":2,"color":"#E8701A"},{"type":"rect","x":1,"y":4,"w":8,"h":4,"color":"#E8701A"},{"type":"rect",'
        '"x":2,"y":8,"w":6,"h":1,"color":"#FFF3E0"},{"type":"rect","x":3,"y":9,"w":4,"h":1,"color":"#FFF3E0"},'
        '{"type":"rect","x":4,"y":10,"w":2,"h":1,"color":"#303030"},{"type":"rect","x":1,"y":7,"w":2,"h":1,'
        '"color":"#FFF3E0"},{"type":"rect","x":7,"y":7,"w":2,"h":1,"color":"#FFF3E0"},{"type":"pixel","x":3,"y":6,'
        '"color":"#303030"},{"type":"pixel","x":6,"y":6,"color":"#303030"}]},"duration":null}]}}',
    ),
    (
        {"prompt": "um I have this deadline tomorrow and I can't stop worrying"},
        '{"program":{"name":"slow breath","steps":[{"id":"s1","command":{"type":"pattern","name":"breathing",'
        '"params":{"color":"#4A90D9","speed":5000}},"duration":null}]}}',
    ),
    (
        {"prompt": "two minute tea timer please", "meaning": {"intent": "timer", "duration_ms": 120000}},
        '{"program":{"name":"tea timer 2 min","steps":[{"id":"s1","command":{"type":"render","elements":['
        '{"type":"fill","color":"#000000"},{"type":"rect","x":1,"y":1,"w":8,"h":12,"color":"#FFBF00"}]},'
        '"duration":30000},{"id":"s2","command":{"type":"render","elements":[{"type":"fill","color":"#000000"},'
        '{"type":"rect","x":1,"y":4,"w":8,"h":9,"color":"#FFBF00"}]},"duration":30000},{"id":"s3","command":'
        '{"type":"render","elements":[{"type":"fill","color":"#000000"},{"type":"rect","x":1,"y":7,"w":8,"h":6,'
        '"color":"#FF8C00"}]},"duration":30000},{"id":"s4","command":{"type":"render","elements":[{"type":"fill",'
        '"color":"#000000"},{"type":"rect","x":1,"y":10,"w":8,"h":3,"color":"#FF4500"}]},"duration":30000}],'
        '"on_complete":{"command":{"type":"pattern","name":"sparkle","params":{"color":"#FFD700","bgColor":"#3A2A00",'
        '"speed":100,"density":0.4}}}}}',
    ),
    (
        {"prompt": "put OK up there in green"},
        '{"program":{"name":"text ok","steps":[{"id":"s1","command":{"type":"render","elements":[{"type":"fill",'
        '"color":"#000000"},{"type":"text","content":"OK","x":1,"y":4,"color":"#00FF00"}]},"duration":null}]}}',
    ),
    (
        {"prompt": "moonrise over the sea, slowly"},
        '{"program":{"name":"moonrise","steps":[{"id":"s1","command":{"type":"render","elements":[{"type":"fill",'
        '"color":"#050A1E"},{"type":"rect","x":4,"y":8,"w":2,"h":2,"color":"#FFD9A0"},{"type":"rect","x":0,"y":10,'
        '"w":10,"h":4,"color":"#0B1D3A"}]},"duration":20000},{"id":"s2","command":{"type":"render","elements":['
        '{"type":"fill","color":"#08112B"},{"type":"rect","x":4,"y":5,"w":2,"h":4,"color":"#FFE9B0"},{"type":"rect",'
        '"x":3,"y":6,"w":4,"h":2,"color":"#FFE9B0"},{"type":"rect","x":0,"y":10,"w":10,"h":4,"color":"#0F2A52"}]},'
        '"duration":20000},{"id":"s3","command":{"type":"render","elements":[{"type":"fill","color":"#0B1738"},'
        '{"type":"rect","x":4,"y":1,"w":2,"h":4,"color":"#FFF6DC"},{"type":"rect","x":3,"y":2,"w":4,"h":2,"color":'
        '"#FFF6DC"},{"type":"rect","x":0,"y":10,"w":10,"h":4,"color":"#143A6B"},{"type":"line","x1":4,"y1":10,"x2":4,'
        '"y2":13,"color":"#C9D6EA"},{"type":"line","x1":5,"y1":10,"x2":5,"y2":13,"color":"#C9D6EA"}]},'
        '"duration":null}]}}',
    ),
    (
        {"prompt": "blink like a police car"},
        '{"program":{"name":"police car","steps":[{"id":"s1","command":{"type":"pattern","name":"solid","params":'
        '{"color":"#FF0000"}},"duration":400},{"id":"s2","command":{"type":"pattern","name":"solid","params":'
        '{"color":"#0000FF"}},"duration":400}],"loop":{"count":0,"start_step":"s1","end_step":"s2"}}}',
    ),
    ({"prompt": "make it all purpley and slow, kinda like jazz"}, _JAZZ),
    ({"prompt": "a bit faster", "running": _JAZZ}, _JAZZ.replace('"speed":5000', '"speed":2500')),
)


@cache
def system_prompt(bounds: Bounds = LAMP) -> str:
    """What the teacher is told before every request; the same text for all of them."""
    examples = "\n\n".join(f"{question(row)}\n{answer}" for row, answer in EXAMPLES)
    limits = f"# Limits\n\n{_WHY_LIMITS} {manual.bounds_in_words(bounds)}"
    written = (_INTRODUCTION + manual.LAMP, manual.format_in_words(), limits, _QUALITY, "# Examples\n", examples)
    return "\n".join(written)


def question(row: dict[str, Any]) -> str:
    """How a row of prompts.jsonl is put to the teacher: the words, what they mean, and what is running."""
    parts = [f"Wish: {row['prompt']}"]
    if row.get("meaning"):
        parts.append(f"Meaning: {orjson.dumps(row['meaning'], option=orjson.OPT_SORT_KEYS).decode()}")
    if row.get("running"):
        parts.append(f"Running now: {row['running']}")
    return "\n".join(parts)


@cache
def answer_schema() -> dict[str, Any]:
    """The program definition as the API takes it for structured output: shapes without ranges and remarks.

    The API refuses ranges and patterns, and compiles the schema to a grammar whose size is limited; what is left out
    here stands in the system prompt, and every answer is validated in full. The SDK's own `transform_schema` leaves
    this schema as it is (a test sees to it); it is not called, because its next version could change every key.
    """
    schema: dict[str, Any] = _bare(program.json_schema())
    return schema


# Not understood by the API, or said in the system prompt already.
_LEFT_OUT = {
    "title", "description", "discriminator", "pattern", "minimum", "maximum", "minLength", "maxLength", "maxItems",
}  # fmt: skip


def _bare(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_bare(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    bare: dict[str, Any] = {}
    for key, value in schema.items():
        if key in ("properties", "$defs"):  # names of ours, not keywords
            bare[key] = {name: _bare(part) for name, part in value.items()}
        elif key not in _LEFT_OUT and not (key == "type" and "const" in schema):
            bare["anyOf" if key == "oneOf" else key] = _bare(value)
    if bare.get("type") == "object":
        bare["additionalProperties"] = False
    return bare


def outside(written: program.Program, bounds: Bounds = LAMP) -> list[str]:
    """In which ways a valid program is larger than the lamp's model could write it; empty when it is not."""
    body = written["program"]
    found = []
    if len(body["steps"]) > bounds.max_steps:
        found.append(f"{len(body['steps'])} steps, at most {bounds.max_steps} are allowed")
    if len(body["name"]) > bounds.max_name:
        found.append(f"a name of {len(body['name'])} characters, at most {bounds.max_name} are allowed")
    final = body.get("on_complete")
    most = bounds.max_elements if len(body["steps"]) == 1 else bounds.max_step_elements
    drawn = [(step["id"], step["command"], most) for step in body["steps"]]
    if final is not None:
        drawn.append(("on_complete", final["command"], bounds.max_step_elements))
    for where, command, limit in drawn:
        if command["type"] == "render":
            if len(command["elements"]) > limit:
                found.append(f"{where}: {len(command['elements'])} elements, at most {limit} are allowed")
            texts = [element["content"] for element in command["elements"] if element["type"] == "text"]
            found += [f"{where}: text {text!r} is too long" for text in texts if len(text) > bounds.max_text]
        if command["type"] == "pattern":
            speed = command["params"].get("speed", bounds.min_speed)
            if not isinstance(speed, int) or not bounds.min_speed <= speed <= bounds.max_speed:
                found.append(f"{where}: speed {speed}, allowed are {bounds.min_speed} to {bounds.max_speed} ms")
    return found
