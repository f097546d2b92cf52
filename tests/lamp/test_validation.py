"""Validation repairs nothing: each defect with its path, its value and what is allowed there."""

import json
from collections import Counter
from pathlib import Path

import orjson
import pytest

from stages.lamp.program import compact
from stages.lamp.validation import Defect, InvalidProgram, parse, remarks, validate

STOP = {"type": "stop"}
REAL = Path(__file__).parents[3] / "shared" / "data" / "lamp" / "v1-responses.jsonl"


def pattern(name, **params):
    return {"type": "pattern", "name": name, "params": params}


def render(*elements):
    return {"type": "render", "elements": list(elements)}


def step(command=STOP, duration=None, identity="a"):
    return {"id": identity, "command": command, "duration": duration}


def program(*steps, **more):
    return {"program": {"name": "n", "steps": list(steps), **more}}


def element(kind, **more):
    return program(step(render({"type": kind, **more})))


def pixel(**more):
    return element("pixel", **{"x": 0, "y": 0, "color": "#fff", **more})


def rect(x, y, w, h):
    return element("rect", x=x, y=y, w=w, h=h, color="#FFFFFF")


def line(**more):
    return element("line", **{"x1": 0, "y1": 0, "x2": 9, "y2": 13, "color": "#fff", **more})


def text(**more):
    return element("text", **{"content": "HI", "x": 0, "y": 0, "color": "#fff", **more})


def without(value, key):
    return {name: part for name, part in value.items() if name != key}


COMMAND = "$.program.steps[0].command"
ELEMENT = f"{COMMAND}.elements[0]"


def only(value):
    """The one defect of a value, which `parse` of its JSON finds as well."""
    defects = validate(value)
    assert len(defects) == 1, defects
    with pytest.raises(InvalidProgram) as caught:
        parse(json.dumps(value))
    assert caught.value.defects == defects
    return defects[0]


# What is valid -------------------------------------------------------------------------------------------

VALID = [
    program(step()),
    program(step(duration=1500000)),
    program(step(STOP, 1, "a"), step(STOP, None, "b")),
    program(step(STOP, 1, "a"), step(STOP, 1, "b"), loop={"count": 0, "start_step": "a", "end_step": "b"}),
    program(step(duration=5), loop={"count": 3, "start_step": "a", "end_step": "a"}),
    program(step(duration=5), loop=None, on_complete=None),
    program(step(duration=5), on_complete={"command": pattern("rainbow", speed=3000)}),
    pixel(x=9, y=13, color="#ABC"),
    pixel(color="#a1B2c3D4"),
    rect(0, 0, 10, 14),
    rect(9, 13, 1, 1),
    line(x1=9, y1=13, x2=0, y2=0),
    text(x=-40, y=-4),
    text(content="é?"),
    program(step(pattern("sparkle", color="#FFF", bgColor="#000", speed=100, density=1))),
    program(step(pattern("sparkle", density=0.0))),
]


@pytest.mark.parametrize("value", VALID)
def test_a_right_program_has_no_defect_and_comes_back_equal(value):
    assert validate(value) == []
    assert parse(json.dumps(value)) == value
    assert parse(json.dumps(value).encode()) == value


def test_keys_come_back_in_the_definitions_order_and_parameters_too():
    shuffled = (
        '{"program":{"steps":[{"duration":null,"command":{"params":{"x":1,"speed":9,"color":"#FFF"},'
        '"name":"breathing","type":"pattern"},"id":"a"}],"name":"n"}}'
    )
    assert compact(parse(shuffled)) == (
        '{"program":{"name":"n","steps":[{"id":"a","command":{"type":"pattern","name":"breathing",'
        '"params":{"color":"#FFF","speed":9,"x":1}},"duration":null}]}}'
    )


# One defect each -----------------------------------------------------------------------------------------

TYPES = "'fill', 'pixel', 'rect', 'line', 'text'"
DEFECTS = [
    # value, kind, path, value there, part of what is allowed
    ([], "wrong-type", "$", [], "dictionary"),
    ("text", "wrong-type", "$", "text", "dictionary"),
    (None, "wrong-type", "$", None, "dictionary"),
    ({}, "missing-field", "$.program", None, "required"),
    ({"program": 1}, "wrong-type", "$.program", 1, "dictionary"),
    ({"program": {"name": "n"}}, "missing-field", "$.program.steps", None, "required"),
    ({"program": {"steps": [step()]}}, "missing-field", "$.program.name", None, "required"),
    ({**program(step()), "more": 2}, "unknown-field", "$.more", 2, "no such key"),
    (program(step(), steps2=[]), "unknown-field", "$.program.steps2", [], "no such key"),
    (program(), "empty", "$.program.steps", [], "at least 1"),
    ({"program": {"name": "", "steps": [step()]}}, "empty", "$.program.name", "", "at least 1"),
    ({"program": {"name": 7, "steps": [step()]}}, "wrong-type", "$.program.name", 7, "string"),
    (program(without(step(), "id")), "missing-field", "$.program.steps[0].id", None, "required"),
    (program(without(step(), "command")), "missing-field", COMMAND, None, "required"),
    (program(without(step(), "duration")), "missing-field", "$.program.steps[0].duration", None, "required"),
    (program(step(identity=1)), "wrong-type", "$.program.steps[0].id", 1, "string"),
    (program(step(identity="")), "empty", "$.program.steps[0].id", "", "at least 1"),
    (program(step(duration=-1)), "bad-value", "$.program.steps[0].duration", -1, "equal to 1"),
    (program(step(duration=0)), "bad-value", "$.program.steps[0].duration", 0, "equal to 1"),
    (program(step(duration=1.5)), "wrong-type", "$.program.steps[0].duration", 1.5, "integer"),
    (program(step(duration="5")), "wrong-type", "$.program.steps[0].duration", "5", "integer"),
    (program(step(duration=True)), "wrong-type", "$.program.steps[0].duration", True, "integer"),
    (program(step(None)), "wrong-type", COMMAND, None, "dictionary"),
    (program(step([])), "wrong-type", COMMAND, [], "dictionary"),
    (program(step({})), "missing-field", f"{COMMAND}.type", None, "required"),
    (program(step({"type": "blink"})), "unknown-type", f"{COMMAND}.type", "blink", "'pattern', 'render'"),
    (program(step({"type": 3})), "unknown-type", f"{COMMAND}.type", 3, "'pattern', 'render'"),
    (program(step({"type": "stop", "color": "#f"})), "unknown-field", f"{COMMAND}.color", "#f", "no such"),
    (program(step(pattern("disco"))), "unknown-type", f"{COMMAND}.name", "disco", "'solid', 'gradient'"),
    (program(step({"type": "pattern"})), "missing-field", f"{COMMAND}.name", None, "required"),
    (program(step(without(pattern("solid"), "params"))), "missing-field", f"{COMMAND}.params", None, "req"),
    (program(step({**pattern("solid"), "params": []})), "wrong-type", f"{COMMAND}.params", [], "dictionary"),
    (program(step(pattern("solid", color="red"))), "bad-color", f"{COMMAND}.params.color", "red", "#RGB"),
    (program(step(pattern("solid", color=5))), "wrong-type", f"{COMMAND}.params.color", 5, "string"),
    (program(step(pattern("wave", speed=0))), "bad-value", f"{COMMAND}.params.speed", 0, "equal to 1"),
    (program(step(pattern("wave", speed=1.5))), "wrong-type", f"{COMMAND}.params.speed", 1.5, "integer"),
    (program(step(pattern("sparkle", density=1.1))), "bad-value", f"{COMMAND}.params.density", 1.1, "to 1"),
    (program(step(pattern("sparkle", density="1"))), "wrong-type", f"{COMMAND}.params.density", "1", "numb"),
    (program(step(render())), "empty", f"{COMMAND}.elements", [], "at least 1"),
    (program(step(render(3))), "wrong-type", ELEMENT, 3, "dictionary"),
    (program(step({"type": "render"})), "missing-field", f"{COMMAND}.elements", None, "required"),
    (program(step({**render(), "elements": {}})), "wrong-type", f"{COMMAND}.elements", {}, "list"),
    (element("circle", x=1), "unknown-type", f"{ELEMENT}.type", "circle", TYPES),
    (program(step(render({"x": 1}))), "missing-field", f"{ELEMENT}.type", None, "required"),
    (element("pixel", x=1, y=1), "missing-field", f"{ELEMENT}.color", None, "required"),
    (pixel(r=1), "unknown-field", f"{ELEMENT}.r", 1, "no such key"),
    (pixel(pixel=1), "unknown-field", f"{ELEMENT}.pixel", 1, "no such key"),
    (element("fill", color="#fff", fill="#000"), "unknown-field", f"{ELEMENT}.fill", "#000", "no such key"),
    (program(step({**STOP, "stop": 4})), "unknown-field", f"{COMMAND}.stop", 4, "no such key"),
    (program(step({**render({"type": "fill", "color": "#fff"}), "render": 1})),
     "unknown-field", f"{COMMAND}.render", 1, "no such key"),
    (program(step({**pattern("solid"), "pattern": 1})), "unknown-field", f"{COMMAND}.pattern", 1, "no such key"),
    (program(step({**pattern("solid"), "solid": 1})), "unknown-field", f"{COMMAND}.solid", 1, "no such key"),
    (program(step({**pattern("solid"), "params": {"name": "color", "color": "red"}})),
     "bad-color", f"{COMMAND}.params.color", "red", "#RGB"),
    (pixel(color="#12345G"), "bad-color", f"{ELEMENT}.color", "#12345G", "#RGB"),
    (pixel(color="#fff\n"), "bad-color", f"{ELEMENT}.color", "#fff\n", "#RGB"),
    (pixel(color="#ffff"), "bad-color", f"{ELEMENT}.color", "#ffff", "#RGB"),
    (pixel(x=1.0), "wrong-type", f"{ELEMENT}.x", 1.0, "integer"),
    (text(content=""), "empty", f"{ELEMENT}.content", "", "at least 1"),
    (text(content=5), "wrong-type", f"{ELEMENT}.content", 5, "string"),
    (program(step(duration=1), loop={"count": -1, "start_step": "a", "end_step": "a"}),
     "bad-value", "$.program.loop.count", -1, "equal to 0"),
    (program(step(duration=1), loop={"count": 1, "start_step": "a"}),
     "missing-field", "$.program.loop.end_step", None, "required"),
    (program(step(duration=1), loop=3), "wrong-type", "$.program.loop", 3, "dictionary"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "kind", "path", "found", "allowed"), DEFECTS)
def test_a_defect_has_its_kind_its_path_its_value_and_what_is_allowed(value, kind, path, found, allowed):
    defect = only(value)
    assert (defect.kind, defect.path, defect.value) == (kind, path, found)
    assert allowed in defect.allowed


@pytest.mark.parametrize(
    ("value", "key", "found"),
    [
        (pixel(x=10), "x", 10),
        (pixel(x=-1), "x", -1),
        (pixel(y=14), "y", 14),
        (pixel(y=-1), "y", -1),
        (rect(0, 0, 11, 1), "w", 11),
        (rect(0, 0, 0, 1), "w", 0),
        (rect(0, 0, 1, 15), "h", 15),
        (line(x1=-1), "x1", -1),
        (line(y1=14), "y1", 14),
        (line(x2=10), "x2", 10),
        (line(y2=-1), "y2", -1),
        (text(x=10), "x", 10),
        (text(y=14), "y", 14),
    ],
)
def test_a_pixel_outside_the_grid_is_a_defect_with_its_path(value, key, found):
    defect = only(value)
    assert (defect.kind, defect.path, defect.value) == ("out-of-grid", f"{ELEMENT}.{key}", found)


@pytest.mark.parametrize("place", [(5, 3, 6, 2), (0, 13, 1, 2), (9, 0, 2, 1), (1, 1, 10, 1)])
def test_a_rect_that_leaves_the_grid_is_a_defect(place):
    defect = only(rect(*place))
    assert (defect.kind, defect.path) == ("out-of-grid", ELEMENT)
    assert "x + w is at most 10 and y + h at most 14" in defect.allowed
    assert defect.value == f"{place[0] + place[2]}x{place[1] + place[3]}"


def test_a_rect_that_leaves_the_grid_at_the_very_end_is_found_too():
    final = {"command": rect(5, 0, 6, 1)["program"]["steps"][0]["command"]}
    defect = only(program(step(duration=1), on_complete=final))
    assert (defect.kind, defect.path) == ("out-of-grid", "$.program.on_complete.command.elements[0]")


def test_the_second_element_of_the_second_step_is_named_as_such():
    drawn = render({"type": "fill", "color": "#000"}, {"type": "pixel", "x": 10, "y": 0, "color": "#000"})
    assert only(program(step(STOP, 1, "a"), step(drawn, None, "b"))).path == (
        "$.program.steps[1].command.elements[1].x"
    )


def test_ids_that_repeat_are_a_defect_of_the_later_step():
    defect = only(program(step(STOP, 1, "a"), step(STOP, 1, "b"), step(STOP, 1, "a")))
    assert (defect.kind, defect.path, defect.value) == ("duplicate-step-id", "$.program.steps[2].id", "a")


def test_only_the_last_step_may_stay_for_ever():
    defect = only(program(step(STOP, None, "a"), step(STOP, None, "b")))
    assert (defect.kind, defect.path, defect.value) == (
        "missing-duration",
        "$.program.steps[0].duration",
        None,
    )
    assert "milliseconds" in defect.allowed


def test_a_loop_that_dangles_names_the_steps_that_there_are():
    steps = step(STOP, 1, "a"), step(STOP, 1, "b")
    defect = only(program(*steps, loop={"count": 0, "start_step": "x", "end_step": "b"}))
    assert (defect.kind, defect.path, defect.value) == ("dangling-loop", "$.program.loop.start_step", "x")
    assert defect.allowed == "allowed: a, b"
    defect = only(program(*steps, loop={"count": 0, "start_step": "a", "end_step": "y"}))
    assert (defect.kind, defect.path, defect.value) == ("dangling-loop", "$.program.loop.end_step", "y")


def test_a_loop_that_runs_backwards_is_a_defect():
    steps = step(STOP, 1, "a"), step(STOP, 1, "b")
    defect = only(program(*steps, loop={"count": 0, "start_step": "b", "end_step": "a"}))
    assert (defect.kind, defect.path, defect.value) == ("dangling-loop", "$.program.loop", "b..a")


def test_both_ends_of_a_loop_may_dangle():
    defects = validate(program(step(), loop={"count": 0, "start_step": "x", "end_step": "y"}))
    assert [defect.value for defect in defects] == ["x", "y"]


def test_all_defects_are_reported_at_once():
    value = program(
        step(pattern("solid", color="red"), -5),
        {"id": "b", "command": {"type": "blink"}},
        loop={"count": "3", "start_step": "a", "end_step": "b"},
        on_complete={"command": STOP, "after": 3},
    )
    assert {(defect.kind, defect.path) for defect in validate(value)} == {
        ("bad-color", "$.program.steps[0].command.params.color"),
        ("bad-value", "$.program.steps[0].duration"),
        ("unknown-type", "$.program.steps[1].command.type"),
        ("missing-field", "$.program.steps[1].duration"),
        ("wrong-type", "$.program.loop.count"),
        ("unknown-field", "$.program.on_complete.after"),
    }
    defects = validate(program(step(STOP, None, "a"), step(rect(9, 9, 9, 9)["program"]["steps"][0]["command"])))
    assert [defect.kind for defect in defects] == ["missing-duration", "duplicate-step-id", "out-of-grid"]


def test_a_command_in_the_place_of_on_complete_lacks_its_wrapping():
    assert {(defect.kind, defect.path) for defect in validate(program(step(), on_complete=STOP))} == {
        ("missing-field", "$.program.on_complete.command"),
        ("unknown-field", "$.program.on_complete.type"),
    }


def test_a_defect_reads_as_one_short_line():
    line = str(Defect("bad-color", "$.x", "y" * 500, "allowed: #RGB"))
    assert line.startswith("$.x: bad-color: 'yyy") and line.endswith("; allowed: #RGB") and len(line) < 120
    error = InvalidProgram([Defect("a", "$.x", 1, "p"), Defect("b", "$.y", 2, "q")])
    assert str(error) == "$.x: a: 1; p; $.y: b: 2; q"


# Another lamp's dialect ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "path", "found"),
    [
        (program({"id": "a", "command": "blink", "color": "#fff", "duration": 5}), COMMAND, "blink"),
        (program(step(duration=1), loop={"enabled": True, "count": 3}), "$.program.loop.enabled", True),
        (program(step(duration=1), loop={"enabled": False}), "$.program.loop.enabled", False),
        (program(step(), on_complete={"action": "off"}), "$.program.on_complete.action", "off"),
    ],
)
def test_another_lamps_dialect_is_told_apart_and_explains_all_that_is_wrong(value, path, found):
    defect = only(value)
    assert (defect.kind, defect.path, defect.value) == ("foreign-dialect", path, found)


def test_each_sign_of_another_dialect_is_named():
    value = program(
        {"command": "blink"}, step(), {"command": "wave"}, loop={"enabled": True}, on_complete={"action": "x"}
    )
    assert [(defect.kind, defect.path) for defect in validate(value)] == [
        ("foreign-dialect", "$.program.steps[0].command"),
        ("foreign-dialect", "$.program.steps[2].command"),
        ("foreign-dialect", "$.program.loop.enabled"),
        ("foreign-dialect", "$.program.on_complete.action"),
    ]


def test_a_program_that_is_merely_wrong_is_not_taken_for_another_dialect():
    assert only(program(step([]))).kind == "wrong-type"
    assert only({"program": {"name": "n", "steps": "blink"}}).kind == "wrong-type"


# What is no JSON, and what is meant to break a parser ------------------------------------------------------

GOOD = compact(program(step()))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        GOOD[:-1],
        GOOD + "}",
        GOOD + " and a word",
        f"```json\n{GOOD}\n```",
        GOOD.replace("null", "NaN"),
        GOOD.replace("null", "Infinity"),
        GOOD.replace("null", "nil"),
        GOOD.replace('"', "'"),
        GOOD.replace("]}}", ",]}}"),
        GOOD.replace('"a"', '"\\ud800"'),
        b"\xff\xfe",
        "\ud800",
    ],
)
def test_what_is_no_json_is_not_mended(text):
    with pytest.raises(InvalidProgram) as caught:
        parse(text)
    [defect] = caught.value.defects
    assert (defect.kind, defect.path) == ("not-json", "$")


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"program":' * 5000 + "1" + "}" * 5000,
        "[" * 500 + "]" * 500,
        GOOD.replace('{"type":"stop"}', "[" * 600 + "]" * 600),
        GOOD.replace("null", "1" + "0" * 5000),
        GOOD.replace("null", "1" + "0" * 30),
        GOOD.replace("null", "-" + "9" * 19),
        GOOD.replace("null", "1e999"),
        GOOD.replace("null", "1e400"),
        GOOD.replace('{"type":"stop"}', json.dumps(pattern("wave", speed=10**18))),
    ],
)
def test_deep_nesting_and_huge_numbers_are_defects_not_crashes(text):
    with pytest.raises(InvalidProgram) as caught:
        parse(text)
    assert caught.value.defects and len(str(caught.value)) < 500


IGNORED = compact(program(step(pattern("solid", color="#FFF", depth=0)))).replace('"depth":0', '"depth":%s')


@pytest.mark.parametrize(
    "number",
    [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "1" + "0" * 30,
        "-" + "9" * 25,
        str(2**64),
        str(-(2**63) - 1),
        "[NaN]",
        '{"of":[1e400]}',
    ],
)
def test_an_ignored_parameter_holds_no_number_that_json_cannot_carry_on(number):
    for text in (IGNORED % number, (IGNORED % number).encode(), in_the_end(IGNORED % number)):
        with pytest.raises(InvalidProgram) as caught:
            parse(text)
        [defect] = caught.value.defects
        assert defect.kind == "bad-value" and "no NaN, infinite number or integer beyond 64 bits" in defect.allowed


def in_the_end(text):
    """The same command in on_complete."""
    before, after = text.split('"command":')
    command, rest = after.split(',"duration":null')
    return f'{before}"command":{{"type":"stop"}},"duration":1{rest[:-2]},"on_complete":{{"command":{command}}}}}}}'


@pytest.mark.parametrize("number", ["0.1", "1e300", str(2**64 - 1), str(-(2**63)), "[1,{}]", '"text"', "null"])
def test_an_ignored_parameter_of_another_value_is_carried_on_unchanged(number):
    for text in (IGNORED % number, in_the_end(IGNORED % number)):
        assert json.loads(compact(parse(text))) == json.loads(text)


def test_values_that_python_cannot_recurse_into_do_not_crash():
    deep: list = []
    for _ in range(50_000):
        deep = [deep]
    for value in (deep, {"program": deep}, program(deep), program(step(deep)), program(step(render(deep)))):
        assert {defect.kind for defect in validate(value)} == {"wrong-type"}
    assert validate(float("nan")) and validate({1: 2}) and validate(program({1: 2}))


def test_nan_is_no_number_that_a_lamp_knows():
    nan = float("nan")
    for value in (program(step(duration=nan)), pixel(x=nan), program(step(pattern("sparkle", density=nan)))):
        [defect] = validate(value)
        assert defect.kind in ("wrong-type", "bad-value", "out-of-grid")


def test_of_a_key_that_comes_twice_the_last_is_taken_as_every_parser_does():
    twice = GOOD.replace('"name":"n"', '"name":5,"name":"m"')
    assert parse(twice)["program"]["name"] == "m" == json.loads(twice)["program"]["name"]
    with pytest.raises(InvalidProgram):
        parse(GOOD.replace('"name":"n"', '"name":"n","name":5'))


# Valid but remarkable --------------------------------------------------------------------------------------


def remarked(value):
    assert validate(value) == []
    return {(remark.kind, remark.path) for remark in remarks(parse(json.dumps(value)))}


def test_a_program_that_means_what_it_says_has_no_remarks():
    assert remarked(program(step(pattern("gradient", color="#FFF", color2="#000")))) == set()
    assert remarked(text(content="a-z +!:.09")) == set()
    looped = program(step(duration=1), loop={"count": 2, "start_step": "a", "end_step": "a"})
    assert remarked(looped) == set()


def test_an_extra_parameter_is_valid_but_remarked():
    value = program(step(pattern("gradient", color="#FFF", color2="#000", speed=3000)))
    assert remarked(value) == {("ignored-param", f"{COMMAND}.params.speed")}


def test_a_missing_parameter_is_valid_but_remarked_with_what_the_lamp_takes():
    value = program(step(pattern("pulse")))
    assert remarked(value) == {
        ("default-assumed", f"{COMMAND}.params.color"),
        ("default-assumed", f"{COMMAND}.params.speed"),
    }
    assert {remark.allowed for remark in remarks(value)} == {"the lamp takes #FFFFFF", "the lamp takes 500"}


def test_parameters_of_the_last_command_are_remarked_too():
    value = program(step(duration=1), on_complete={"command": pattern("solid")})
    assert remarked(value) == {("default-assumed", "$.program.on_complete.command.params.color")}


def test_what_never_comes_is_remarked():
    assert remarked(program(step(), on_complete={"command": STOP})) == {("never-reached", "$.program.on_complete")}
    endless = program(
        step(duration=1),
        loop={"count": 0, "start_step": "a", "end_step": "a"},
        on_complete={"command": STOP},
    )
    assert remarked(endless) == {("never-reached", "$.program.on_complete")}
    assert remarked(program(step(duration=1), on_complete={"command": STOP})) == set()
    stuck = program(step(STOP, 1, "a"), step(STOP, None, "b"), loop={"count": 2, "start_step": "a", "end_step": "b"})
    assert remarked(stuck) == {("never-repeats", "$.program.loop")}
    before = program(step(STOP, 1, "a"), step(STOP, None, "b"), loop={"count": 2, "start_step": "a", "end_step": "a"})
    assert remarked(before) == set()


def test_letters_that_the_font_lacks_are_remarked():
    assert remarked(text(content="é")) == {("not-in-font", f"{ELEMENT}.content")}
    assert remarked(text(content="a?b")) == {("not-in-font", f"{ELEMENT}.content")}


# Real answers ----------------------------------------------------------------------------------------------


@pytest.mark.skipif(not REAL.exists(), reason=f"the real answers are not on this machine ({REAL})")
def test_of_2500_real_answers_exactly_those_that_loop_minus_one_times_are_refused():
    defects, refused, valid = Counter(), set(), 0
    looping = set()
    for number, row in enumerate(REAL.read_bytes().splitlines()):
        response = orjson.loads(row)["response"]
        loop = orjson.loads(response)["program"].get("loop")
        if loop and loop.get("count") == -1:
            looping.add(number)
        try:
            parse(response)
            valid += 1
        except InvalidProgram as invalid:
            refused.add(number)
            defects.update((defect.kind, defect.path, defect.value) for defect in invalid.defects)
    assert defects == {("bad-value", "$.program.loop.count", -1): 109}
    assert refused == looping and valid == 2500 - 109
