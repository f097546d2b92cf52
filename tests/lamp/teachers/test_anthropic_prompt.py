"""What the Anthropic teacher is told: true to the definition, long enough for the cache, with answers that are good."""

from pathlib import Path

import pytest

from stages.lamp import held_out, program, validation
from stages.lamp.grammar import Bounds
from stages.lamp.teachers.anthropic_prompt import EXAMPLES, answer_schema, outside, question, system_prompt
from stages.lamp.teachers.spending import PROSE_CHARACTERS, tokens
from tests.lamp.teachers.stand_in import check_schema

BENCHMARK = Path(__file__).parents[3] / "data" / "seed" / "benchmark.yaml"


def test_every_type_of_the_definition_is_described_with_its_keys_and_ranges():
    told = system_prompt()
    for name, definition in program.json_schema()["$defs"].items():
        assert f"\n{name}: {definition['description']}\n" in told
        for key in definition["properties"]:
            assert f"  {key}: " in told.partition(f"\n{name}: ")[2].partition("\n\n")[0]
    assert "  x: integer 0 to 9, column, 0 is left" in told
    assert "  loop: Loop or null (may be left out)" in told


def test_the_limits_are_those_of_the_lamps_own_model():
    assert "at most 12 steps; at most 48 elements" in system_prompt()
    assert "at most 5 steps; at most 50 elements" in system_prompt(Bounds(max_steps=5, max_elements=50))


def test_the_prompt_is_long_enough_for_every_models_cache_with_a_margin():
    # 3.2 characters a token by the last tokenizer that was public; even at 3.8 it would do.
    assert len(system_prompt()) / 3.8 > 4096
    assert tokens(system_prompt(), PROSE_CHARACTERS) < 8000


def test_the_prompt_is_the_same_text_every_time():
    assert system_prompt() == system_prompt(Bounds())


@pytest.mark.parametrize(("row", "answer"), EXAMPLES, ids=[row["prompt"] for row, _ in EXAMPLES])
def test_an_example_is_valid_compact_within_bounds_and_not_of_the_benchmark(row, answer):
    written = validation.parse(answer)
    assert program.compact(written) == answer
    assert not outside(written) and not validation.remarks(written)
    assert held_out.benchmark_twin(row["prompt"], BENCHMARK) is None


def test_the_follow_up_of_the_examples_changes_only_what_is_asked():
    [(row, answer)] = [(row, answer) for row, answer in EXAMPLES if "running" in row]
    assert answer == row["running"].replace("5000", "2500")


def test_a_request_is_put_with_its_meaning_and_with_what_is_running():
    assert question({"prompt": "blue"}) == "Wish: blue"
    row = {"id": "x-1", "prompt": "slower", "meaning": {"tempo": "slow", "intent": "mood"}, "running": "{}"}
    assert question(row) == 'Wish: slower\nMeaning: {"intent":"mood","tempo":"slow"}\nRunning now: {}'


def test_a_requests_name_and_place_do_not_change_how_it_is_put():
    row = {"prompt": "blue", "meaning": {"intent": "off"}}
    assert question({**row, "id": "a-1", "category": "x"}) == question({"category": "y", **row, "id": "b-2"})


def test_the_schema_is_one_that_the_api_takes_and_that_the_sdk_leaves_as_it_is():
    from anthropic import transform_schema

    schema = answer_schema()
    check_schema(schema)
    assert transform_schema(schema) == schema


def test_the_schema_has_all_shapes_of_the_definition_with_every_parameter_required():
    schema, full = answer_schema(), program.json_schema()
    assert schema["$defs"].keys() == full["$defs"].keys()
    for name, definition in full["$defs"].items():
        assert list(schema["$defs"][name]["properties"]) == list(definition["properties"])
        assert schema["$defs"][name].get("required") == definition.get("required")
    assert schema["$defs"]["WaveParams"]["required"] == ["color", "color2", "speed"]


def drawn(count, steps=1, **body):
    pixel = {"type": "pixel", "x": 0, "y": 0, "color": "#FFFFFF"}
    command = {"type": "render", "elements": [pixel] * count}
    listed = [{"id": f"s{n + 1}", "command": command, "duration": 1000} for n in range(steps)]
    return {"program": {"name": "toy", "steps": listed, **body}}


@pytest.mark.parametrize(
    ("written", "why"),
    [
        (drawn(1, steps=13), "13 steps, at most 12"),
        (drawn(49), "s1: 49 elements, at most 48"),
        (drawn(25, steps=2), "s2: 25 elements, at most 24"),
        (drawn(1, name="x" * 33), "a name of 33 characters"),
        (drawn(1, on_complete={"command": drawn(25)["program"]["steps"][0]["command"]}), "on_complete: 25 elements"),
    ],
)
def test_a_program_beyond_the_bounds_is_told_so(written, why):
    assert any(why in fault for fault in outside(written))


def test_text_and_speed_beyond_the_bounds_are_told():
    text = {"type": "text", "content": "A" * 13, "x": 0, "y": 0, "color": "#FFFFFF"}
    wave = {"type": "pattern", "name": "wave", "params": {"color": "#FFFFFF", "color2": "#000000", "speed": 20}}
    steps = [{"type": "render", "elements": [text]}, wave]
    listed = [{"id": f"s{n}", "command": command, "duration": 1000} for n, command in enumerate(steps, start=1)]
    first, second = outside({"program": {"name": "toy", "steps": listed}})
    assert "s1: text 'AAAAAAAAAAAAA' is too long" in first and "s2: speed 20, allowed are 50" in second


def test_a_program_within_the_bounds_is_not_objected_to():
    assert outside(drawn(48)) == [] and outside(drawn(24, steps=12)) == []
