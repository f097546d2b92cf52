"""The definition: its compact form, the schema that a teacher is given, and the firmware's defaults."""

import re
from typing import get_type_hints

import pytest

from stages.lamp import program
from stages.lamp.program import ADAPTER, PATTERN_DEFAULTS, compact, json_schema

# As in the lamp's description.
PARAMETERS = {
    "solid": ["color"],
    "gradient": ["color", "color2"],
    "breathing": ["color", "speed"],
    "wave": ["color", "color2", "speed"],
    "rainbow": ["speed"],
    "pulse": ["color", "speed"],
    "sparkle": ["color", "bgColor", "speed", "density"],
}
COMMANDS = [
    {"type": "stop"},
    {"type": "render", "elements": [{"type": "fill", "color": "#123"}]},
    *[{"type": "pattern", "name": name, "params": {}} for name in PARAMETERS],
]


def around(command):
    return {"program": {"name": "n", "steps": [{"id": "a", "command": command, "duration": None}]}}


def test_the_lamp_has_172_leds():
    assert (program.GRID_WIDTH, program.GRID_HEIGHT) == (10, 14)
    assert (program.FRONT_LEDS, program.AMBIENT_LEDS, program.LEDS) == (140, 32, 172)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_lamp_is_accepted(command):
    assert ADAPTER.validate_python(around(command)) == around(command)


def test_the_firmwares_defaults_are_those_of_its_description():
    assert {name: list(defaults) for name, defaults in PATTERN_DEFAULTS.items()} == PARAMETERS
    for name, defaults in PATTERN_DEFAULTS.items():
        own = {"rainbow": {"speed": 3000}, "pulse": {"color": "#FFFFFF", "speed": 500}}.get(name)
        if name == "sparkle":
            own = {"color": "#FFFFFF", "bgColor": "#1a1a1a", "speed": 100, "density": 0.1}
        usual = {"color": "#FF6B4A", "color2": "#FFE4C4", "speed": 2000}
        assert defaults == (own or {key: usual[key] for key in PARAMETERS[name]})


def test_every_parameter_that_has_a_default_is_declared_and_no_other():
    for name, keys in PARAMETERS.items():
        declared = get_type_hints(getattr(program, f"{name.title()}Params"))
        assert [key for key in declared if not key.startswith("__")] == keys


def test_the_compact_form_has_no_spaces_and_keeps_the_keys_order():
    made = {
        "program": {
            "name": "a b",
            "steps": [{"id": "s1", "command": {"type": "stop"}, "duration": None}],
            "loop": {"count": 0, "start_step": "s1", "end_step": "s1"},
        }
    }
    assert compact(made) == (
        '{"program":{"name":"a b","steps":[{"id":"s1","command":{"type":"stop"},"duration":null}],'
        '"loop":{"count":0,"start_step":"s1","end_step":"s1"}}}'
    )


def test_letters_beyond_ascii_stay_as_they_are():
    made = around({"type": "stop"})
    made["program"]["name"] = "Glühwürmchen"
    assert "Glühwürmchen" in compact(made)


# The schema ----------------------------------------------------------------------------------------------


def test_the_schema_asks_for_all_parameters_and_no_others():
    definitions = json_schema()["$defs"]
    for name, keys in PARAMETERS.items():
        definition = definitions[f"{name.title()}Params"]
        assert definition["required"] == keys
        assert definition["additionalProperties"] is False


def test_the_schema_allows_no_unknown_key_anywhere():
    schema = json_schema()
    objects = [part for part in [schema, *schema["$defs"].values()] if part.get("type") == "object"]
    assert len(objects) > 20
    assert all(part["additionalProperties"] is False for part in objects)


def test_the_schema_has_the_lamps_bounds():
    definitions = json_schema()["$defs"]
    pixel = definitions["Pixel"]["properties"]
    assert (pixel["x"]["minimum"], pixel["x"]["maximum"]) == (0, 9)
    assert (pixel["y"]["minimum"], pixel["y"]["maximum"]) == (0, 13)
    assert definitions["Body"]["properties"]["steps"]["minItems"] == 1
    assert set(definitions["Body"]["required"]) == {"name", "steps"}
    assert set(definitions["Step"]["required"]) == {"id", "command", "duration"}
    color = pixel["color"]["pattern"]
    for good in ("#fff", "#FFF", "#a1B2c3", "#A1B2C3d4"):
        assert re.search(color, good)
    for bad in ("fff", "#ff", "#ffff", "#fffff", "#ggg", "#fffffff", "red", "#fffffffff", " #fff"):
        assert not re.search(color, bad)


def test_asking_for_the_schema_does_not_change_what_is_valid():
    json_schema()
    lenient = around({"type": "pattern", "name": "solid", "params": {"speed": 1}})
    assert ADAPTER.validate_python(lenient) == lenient
    assert json_schema() == json_schema()
