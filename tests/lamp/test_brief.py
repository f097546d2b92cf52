"""The checks can fail: a right answer passes, and each way of getting it wrong is found with its reason."""

import orjson
import pytest

from stages.lamp import clock_face, notation, pixel_art
from stages.lamp.brief import off_brief
from stages.lamp.teachers.rule_based import RuleBased
from stages.lamp.validation import validate


@pytest.fixture(scope="module")
def right(words):
    """The rule-based answer to a meaning, to be spoilt at will."""
    teacher = RuleBased(words, 7)

    def answer(**meaning):
        request = {"id": "x-1", "prompt": "", "category": "", "meaning": meaning}
        return orjson.loads(orjson.dumps(teacher.answer(request)))

    return answer


def still(command):
    return {"program": {"name": "n", "steps": [{"id": "s1", "command": command, "duration": None}]}}


def drawn(*elements):
    return {"type": "render", "elements": list(elements)}


def solid(color):
    return {"type": "pattern", "name": "solid", "params": {"color": color}}


def commands(program):
    return [step["command"] for step in program["program"]["steps"]]


# Ways to spoil an answer -----------------------------------------------------------------------------------


def command(text, at=0):
    """Another command in one of the steps, in notation."""

    def spoil(program):
        program["program"]["steps"][at]["command"] = notation.command(text)

    return spoil


def recolour(*pairs):
    """Colours replaced wherever they stand."""

    def spoil(program):
        text = orjson.dumps(program).decode()
        for old, new in pairs:
            assert old in text, f"{old} is not in {text}"
            text = text.replace(old, "#TEMP" + new[1:])
        program.update(orjson.loads(text.replace("#TEMP", "#")))

    return spoil


def params(at=0, **changes):
    def spoil(program):
        commands(program)[at]["params"].update(changes)

    return spoil


def duration(ms, at=0):
    def spoil(program):
        program["program"]["steps"][at]["duration"] = ms

    return spoil


def loop(count):
    def spoil(program):
        program["program"]["loop"]["count"] = count

    return spoil


def content(text, at=0):
    def spoil(program):
        [element] = [part for part in commands(program)[at]["elements"] if part["type"] == "text"]
        element["content"] = text

    return spoil


def move_text(x, y, at=0):
    def spoil(program):
        for part in commands(program)[at]["elements"]:
            if part["type"] == "text":
                part.update(x=x, y=y)

    return spoil


def without_drawing(kind, at=0):
    def spoil(program):
        part = commands(program)[at]
        part["elements"] = [one for one in part["elements"] if one["type"] != kind]

    return spoil


def on_top(text, at=0):
    """Elements drawn over all others."""

    def spoil(program):
        commands(program)[at]["elements"] += notation.command("draw " + text)["elements"]

    return spoil


def reordered(*order):
    def spoil(program):
        body = program["program"]
        body["steps"] = [body["steps"][number] for number in order]
        if body.get("loop"):
            body["loop"].update(start_step=body["steps"][0]["id"], end_step=body["steps"][-1]["id"])

    return spoil


def without_end(program):
    program["program"].pop("on_complete")


def ending(text):
    def spoil(program):
        program["program"]["on_complete"] = {"command": notation.command(text)}

    return spoil


def clock(hour, minute):
    def spoil(program):
        commands(program)[0]["elements"] = clock_face.elements(hour, minute)

    return spoil


def first_step_only(program):
    program["program"]["steps"] = program["program"]["steps"][:1]
    program["program"].pop("loop", None)


def all_durations(ms):
    def spoil(program):
        for step in program["program"]["steps"]:
            step["duration"] = ms

    return spoil


def slowed(program):
    for part in commands(program):
        part["params"]["speed"] = 5000


def both(*spoils):
    def spoil(program):
        for one in spoils:
            one(program)

    return spoil


STAR = {"intent": "picture", "object": "star"}
RED_STAR = {**STAR, "colors": ["#FF0000"]}
NAVY_STAR = {**STAR, "ground": "#000080"}
BLINKING = {**STAR, "motion": "blinks"}
CLOCK = {"intent": "clock", "hour": 3, "minute": 0}
RED_CLOCK = {**CLOCK, "colors": ["#FF0000"]}
HI = {"intent": "text", "text": "HI", "colors": ["#00C800"], "ground": "#000080"}
WAVE = {"intent": "pattern", "pattern": "wave", "colors": ["#FF0000", "#0000FF"], "tempo": "slow"}
FAST_WAVE = {**WAVE, "tempo": "fast"}
SOLID = {"intent": "pattern", "pattern": "solid", "colors": ["#0000FF"]}
PULSE = {"intent": "pattern", "pattern": "pulse", "colors": ["#FF0000"]}
FADE = {"intent": "fade", "colors": ["#FF0000", "#0000FF"], "duration_ms": 60_000}
DIM = {"intent": "dim", "duration_ms": 1_800_000}
CYCLE = {"intent": "cycle", "colors": ["#FF0000", "#00C800", "#0000FF"]}
COUNT = {"intent": "countdown", "number": 3, "colors": ["#FF0000"]}
TIMER = {"intent": "timer", "duration_ms": 1_800_000}
POMODORO = {"intent": "pomodoro", "work_ms": 1_500_000, "break_ms": 300_000}
SUNNY = {"intent": "weather", "weather": "sunny", "number": 24}
STAR_THEN = {
    "intent": "then", "first": "picture", "second": "breathing", "object": "star", "colors": ["#0000FF"],
    "duration_ms": 60_000,
}  # fmt: skip
TEXT_THEN = {"intent": "then", "first": "text", "second": "rainbow", "text": "GO"}
COUNT_THEN = {"intent": "then", "first": "countdown", "second": "celebrate", "number": 3}
RED_COUNT_THEN = {**COUNT_THEN, "colors": ["#FF0000"]}
FLASH_THEN = {
    "intent": "then", "first": "flash", "second": "picture", "object": "star", "colors": ["#00FFFF"],
}  # fmt: skip


def mood(name):
    return {"intent": "mood", "mood": name}


def scene(name):
    return {"intent": "scene", "scene": name}


SPOILT = [
    # a meaning, how its right answer is spoilt, what the reason says
    (STAR, command("solid FFFF00"), "likeness to star"),
    (STAR, command("draw fill 000000; rect 3 3 4 8 FFD700"), "likeness to star is"),
    (STAR, on_top("rect 0 0 10 7 000000"), "likeness to star"),
    (RED_STAR, recolour(("#FF0000", "#00FF00")), "the star is #FF0000 in 0 of"),
    (NAVY_STAR, recolour(("#000080", "#000000")), "likeness to star is"),
    (BLINKING, first_step_only, "the picture does not go off and on"),
    (BLINKING, command("solid FFFFFF", 1), "the picture does not go off and on"),
    (BLINKING, loop(5), "the blinking ends"),
    (BLINKING, duration(None, -1), "the blinking ends"),
    (CLOCK, clock(9, 0), "the hands show 9:00"),
    (CLOCK, clock(3, 30), "the hands show 3:30"),
    (CLOCK, command("draw fill 808080"), "likeness to a clock is 0.00"),
    (RED_CLOCK, clock(3, 0), "the clock is not #FF0000"),
    (RED_CLOCK, recolour(("#FF0000", "#0000FF")), "the clock is not #FF0000"),
    (HI, content("HA"), "says 'HA' instead of 'HI'"),
    (HI, without_drawing("text"), "says '' instead of 'HI'"),
    (HI, command("solid 00C800"), "says '' instead of 'HI'"),
    (HI, recolour(("#00C800", "#FF0000")), "the text is not #00C800"),
    (HI, recolour(("#000080", "#000000")), "the ground is #000080 in 0 of"),
    (HI, move_text(7, 4), "of 'HI' are in the grid"),
    (HI, move_text(1, 12), "of 'HI' are in the grid"),
    (HI, on_top("fill 000080"), "'HI' does not stand out"),
    (WAVE, command("breathing FF0000 5000"), "plays breathing, not wave"),
    (WAVE, command("draw fill FF0000"), "plays render, not wave"),
    (WAVE, command("off"), "plays stop, not wave"),
    (WAVE, recolour(("#FF0000", "#0000FF"), ("#0000FF", "#FF0000")), "instead of #FF0000"),
    (WAVE, params(color2="#00FF00"), "#00FF00 instead of #0000FF"),
    (WAVE, params(speed=1000), "a turn of 1000 ms is not slow"),
    (FAST_WAVE, params(speed=4000), "a turn of 4000 ms is not fast"),
    (SOLID, params(color="#00FFFF"), "#00FFFF instead of #0000FF"),
    (PULSE, first_step_only, "it pulses only once"),
    (PULSE, loop(3), "it pulses only once"),
    (PULSE, duration(None, -1), "it pulses only once"),
    (mood("calm"), command("wave FF0000 FF8C00 5000"), "not mostly blue, cyan, violet, white"),
    (mood("calm"), command("off"), "shows nothing, not mostly"),
    (mood("calm"), command("breathing 4A90D9 500"), "breathing at 500 ms is not slow"),
    (mood("energetic"), command("wave FF4444 FFD700 5000"), "nothing in it is fast"),
    (mood("energetic"), command("solid FF4444"), "nothing in it is fast"),
    (scene("traffic_light"), reordered(1, 0, 2), "instead of red, green, amber"),
    (scene("traffic_light"), reordered(0, 1), "shows red, green instead of"),
    (scene("traffic_light"), loop(2), "does not go on"),
    (scene("traffic_light"), duration(None, -1), "does not go on"),
    (scene("traffic_light"), command("solid FF0000", 1), "shows red, red, amber"),
    (scene("thunderstorm"), reordered(0, 2), "no flash of lightning"),
    (scene("thunderstorm"), recolour(("#191970", "#FF0000"), ("#4682B4", "#FF8C00"), ("#87CEEB", "#FF0000")),
     "not mostly blue"),
    (scene("sunrise"), reordered(3, 2, 1, 0), "does not get brighter"),
    (scene("sunrise"), reordered(0, 3, 1, 4), "does not get steadily brighter"),
    (scene("sunrise"), first_step_only, "does not get brighter"),
    (scene("sunrise"), recolour(("#FF8C00", "#00FFFF"), ("#FF5E4D", "#00C800"), ("#8B4513", "#228B22"),
                                ("#FFE4C4", "#FFFFFF"), ("#FFBF00", "#FFFF00")), "shows no orange"),
    (scene("sunset"), command("solid FFFFFF", 3), "does not get darker"),
    (scene("meditation"), duration(1000, 1), "a step of 1000 ms is not slow"),
    (scene("meditation"), recolour(("#4A90D9", "#FF0000"), ("#008B8B", "#FF8C00")), "not mostly blue"),
    (scene("meditation"), all_durations(2000), "changes for 8000 ms, at least 60000 are wanted"),
    (scene("party"), slowed, "nothing in it is fast"),
    (scene("police"), recolour(("#0000FF", "#FF0000")), "shows no blue"),
    (scene("police"), recolour(("#0000FF", "#FF0000")), "nothing moves"),
    (scene("day_cycle"), both(reordered(0), command("solid FF8C00")), "has only 1 colours, at least 3"),
    (scene("ocean"), command("solid 0000FF"), "nothing moves"),
    (scene("fireworks"), recolour(("#FFD700", "#FFFFFF"), ("#FF1493", "#FFFFFF"), ("#00FFFF", "#FFFFFF")),
     "has only 1 colours, at least 2"),
    (scene("wake_up"), all_durations(1000), "changes for 4000 ms"),
    (scene("wake_up"), both(all_durations(1), duration(None, -1)), "changes for 3 ms, at least 60000 are wanted"),
    (TIMER, duration(1000), "instead of 1800000"),
    (TIMER, duration(None, -1), "never ends"),
    (POMODORO, duration(600_000), "no work ends after 1500000 ms"),
    (POMODORO, duration(600_000, 1), "no break ends after 1800000 ms"),
    (COUNT, content("4"), "says '4' instead of '3'"),
    (COUNT, reordered(2, 1, 0), "says '1' instead of '3'"),
    (COUNT, reordered(0, 1), "says '' instead of '1'"),
    (COUNT, duration(5000, 1), "2 is shown for 5000 ms instead of a second"),
    (COUNT, recolour(("#FF0000", "#0000FF")), "3 is not #FF0000"),
    (DIM, duration(1000), "instead of 1800000"),
    (DIM, reordered(1, 0, 2, 3, 4), "gets brighter on the way"),
    (DIM, ending("solid 4D2600"), "does not end dark"),
    (DIM, without_end, "does not end dark"),
    (DIM, reordered(0), "does not dim in steps"),
    (FADE, recolour(("#FF0000", "#0000FF"), ("#0000FF", "#FF0000")), "starts in another colour than #FF0000"),
    (FADE, ending("solid 00FF00"), "ends in another colour than #0000FF"),
    (FADE, reordered(0), "jumps instead of fading"),
    (FADE, duration(45_000, 0), "is there after 90000 ms instead of 60000"),
    (CYCLE, reordered(0, 2, 1), "#00C800 is missing or out of turn"),
    (CYCLE, reordered(0, 1), "has 2 steps for 3 colours"),
    (CYCLE, loop(2), "does not go on"),
    (CYCLE, duration(None, -1), "does not go on"),
    (SUNNY, content("25"), "says '25' instead of '24'"),
    (SUNNY, without_drawing("rect"), "does not look sunny"),
    (SUNNY, recolour(("#FFD700", "#C0C0C0")), "does not look sunny"),
    (STAR_THEN, first_step_only, "nothing follows"),
    (STAR_THEN, command("solid 0000FF"), "likeness to star"),
    (STAR_THEN, duration(5000), "the picture stays 5000 ms instead of 60000"),
    (STAR_THEN, command("wave 0000FF 000000 2000", 1), "plays wave, not breathing"),
    (STAR_THEN, params(1, color="#FF0000"), "#FF0000 instead of #0000FF"),
    (TEXT_THEN, content("NO"), "says 'NO' instead of 'GO'"),
    (TEXT_THEN, command("solid FFFFFF", 1), "plays solid, not rainbow"),
    (COUNT_THEN, content("9", 1), "says '9' instead of '2'"),
    (COUNT_THEN, command("solid FFFFFF", -1), "it ends without a celebration"),
    (RED_COUNT_THEN, command("sparkle 00FF00 0000FF 100 0.4", -1), "#FF0000 is not shown"),
    (FLASH_THEN, command("solid FF0000"), "#00FFFF is not shown"),
    (FLASH_THEN, command("solid FFFFFF", -1), "likeness to star"),
    ({"intent": "off"}, command("solid 010101"), "the lamp is still lit"),
]  # fmt: skip


def label(value):
    return "-".join(str(part) for part in value.values()) if isinstance(value, dict) else ""


@pytest.mark.parametrize(("meaning", "spoil", "reason"), SPOILT, ids=lambda value: label(value) or None)
def test_a_right_answer_passes_and_a_spoilt_one_fails_for_its_reason(words, right, meaning, spoil, reason):
    program = right(**meaning)
    assert off_brief(meaning, program, words) == []
    spoil(program)
    assert validate(program) == [], "only what is valid is checked"
    found = off_brief(meaning, program, words)
    assert any(reason in said for said in found), found


@pytest.mark.parametrize(
    ("kind", "wrong", "reason"),
    [
        ("cloudy", "fill 000040", "does not look cloudy"),
        ("cloudy", "fill 404040; rect 1 1 3 1 808080", "does not look cloudy"),
        ("rainy", "fill 000000; rect 1 1 8 3 808080", "does not look rainy"),
        ("rainy", "fill 000040; rect 1 1 8 3 808080", "does not look rainy"),
        ("snowy", "fill 404040; rect 1 1 8 3 FFFFFF", "does not look snowy"),
        ("snowy", "fill 000040; rect 1 1 8 3 808080", "does not look snowy"),
        ("stormy", "fill 000040; rect 1 0 8 3 808080", "does not look stormy"),
    ],
)
def test_each_weather_looks_like_itself(words, right, kind, wrong, reason):
    meaning = {"intent": "weather", "weather": kind, "number": -9}
    program = right(**meaning)
    assert off_brief(meaning, program, words) == []
    text = [part for part in commands(program)[0]["elements"] if part["type"] == "text"]
    commands(program)[0]["elements"] = [*notation.command(f"draw {wrong}")["elements"], *text]
    assert off_brief(meaning, program, words) == [reason]


@pytest.mark.parametrize("name", ["ocean", "campfire", "aurora", "snowfall"])
def test_a_scene_in_the_colours_of_another_is_off_brief(words, right, name):
    wrong = {"ocean": "campfire", "campfire": "ocean", "aurora": "campfire", "snowfall": "campfire"}[name]
    found = off_brief(scene(name), right(**scene(wrong)), words)
    assert any("not mostly" in said for said in found), found


def test_every_alternative_of_every_mood_and_scene_is_on_brief(words):
    for name, one in words.moods.items():
        for answer in one.answers:
            assert off_brief(mood(name), still(notation.command(answer)), words) == [], (name, answer)
    for name, one in words.scenes.items():
        for answer in one.answers:
            steps = notation.steps(answer["steps"])
            body = {"name": name, "steps": steps}
            if "loop" in answer:
                ends = {"start_step": steps[0]["id"], "end_step": steps[-1]["id"]}
                body["loop"] = {"count": answer["loop"], **ends}
            assert off_brief(scene(name), {"program": body}, words) == [], (name, answer)


def test_a_traffic_light_may_begin_with_any_of_its_lights(words, right):
    program = right(**scene("traffic_light"))
    reordered(1, 2, 0)(program)
    assert off_brief(scene("traffic_light"), program, words) == []


def test_a_two_per_cent_longer_timer_is_right_and_a_three_per_cent_longer_one_is_not(words):
    def lasting(ms):
        steps = [
            {"id": f"s{number}", "command": solid(color), "duration": ms // 2}
            for number, color in enumerate(("#FFFFFF", "#808080"))
        ]
        return {"program": {"name": "n", "steps": steps}}

    assert off_brief(TIMER, lasting(1_836_000), words) == []
    assert off_brief(TIMER, lasting(1_764_000), words) == []
    assert off_brief(TIMER, lasting(1_854_000), words) == ["lasts 1854000 ms instead of 1800000"]
    assert off_brief(TIMER, lasting(1_746_000), words) == ["lasts 1746000 ms instead of 1800000"]


def test_a_single_light_is_no_timer(words):
    one = {"id": "s1", "command": solid("#FFFFFF"), "duration": 1_800_000}
    body = {"name": "n", "steps": [one]}
    assert off_brief(TIMER, {"program": body}, words) == ["nothing shows that time passes"]
    body["on_complete"] = {"command": solid("#00FF00")}
    assert off_brief(TIMER, {"program": body}, words) == ["nothing shows that time passes"], "its end is not timed"
    body["steps"] = [one | {"duration": 900_000}, one | {"id": "s2", "duration": 900_000}]
    assert off_brief(TIMER, {"program": body}, words) == []


# What is not said ------------------------------------------------------------------------------------------


def patterned(name, **params):
    return still({"type": "pattern", "name": name, "params": params})


def test_a_parameter_that_is_missing_has_the_value_that_the_lamp_takes(words):
    wave = {"intent": "pattern", "pattern": "wave", "colors": ["#FF6B4A", "#FFE4C4"]}
    assert off_brief(wave, patterned("wave"), words) == []
    assert off_brief(wave, patterned("wave", color2="#0000FF"), words) == ["#0000FF instead of #FFE4C4"]
    red = {"intent": "pattern", "pattern": "solid", "colors": ["#FF0000"]}
    assert off_brief(red, patterned("solid"), words) == ["#FF6B4A instead of #FF0000"]
    ground = {"intent": "pattern", "pattern": "sparkle", "colors": ["#FFFFFF", "#0000FF"]}
    assert off_brief(ground, patterned("sparkle"), words) == ["#1a1a1a instead of #0000FF"]
    for tempo in ("slow", "fast"):
        found = off_brief({"intent": "pattern", "pattern": "wave", "tempo": tempo}, patterned("wave"), words)
        assert found == [f"a turn of 2000 ms is not {tempo}"]
    assert "breathing at 2000 ms is not slow" in off_brief(mood("calm"), patterned("breathing", color="#4A90D9"), words)


def written(*rows):
    """Rows of text one below the other."""
    texts = [
        {"type": "text", "content": row, "x": 0, "y": 7 * number, "color": "#FFFFFF"} for number, row in enumerate(rows)
    ]
    return still(drawn({"type": "fill", "color": "#000000"}, *texts))


@pytest.mark.parametrize(("text", "rows"), [("1:23", ("1", "23")), ("1:23", ("1:", "23")), ("HI", ("H", "I"))])
def test_text_may_stand_in_two_rows_of_which_the_break_is_the_colon(words, text, rows):
    assert off_brief({"intent": "text", "text": text}, written(*rows), words) == []


@pytest.mark.parametrize(
    ("text", "rows"), [("1:23", ("12", "3")), ("12:3", ("1", "23")), ("1:23", ("123",)), ("123", ("1:", "23"))]
)
def test_the_break_between_rows_is_in_the_place_of_the_colon(words, text, rows):
    found = off_brief({"intent": "text", "text": text}, written(*rows), words)
    assert found == [f"says {' '.join(rows)!r} instead of {text!r}"]


# Pictures --------------------------------------------------------------------------------------------------


def picture_of(words, name, **changes):
    picture = words.pictures[name]
    if changes.get("shift"):
        dx, dy = changes["shift"]
        cells = [[" "] * 10 for _ in range(14)]
        for x, y in picture.mask():
            if 0 <= x + dx < 10 and 0 <= y + dy < 14:
                cells[y + dy][x + dx] = picture.cells[y][x]
        rows = tuple("".join(row).replace(" ", ".") for row in cells)
        picture = pixel_art.Picture(name, "t", (name,), None, picture.colour, picture.palette, rows)
    return still(drawn(*pixel_art.elements(picture, changes.get("ground", "#000000"))))


def test_a_picture_may_stand_a_little_off_and_on_any_ground(words):
    key = {"intent": "picture", "object": "key"}
    assert off_brief(key, picture_of(words, "key", shift=(1, 0)), words) == []
    assert off_brief(key, picture_of(words, "key", ground="#000080"), words) == []
