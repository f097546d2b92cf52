"""The offline teacher's answers to several wishes at once, and to what is said of a program that is running."""

from typing import get_args

import pytest

from stages.lamp.brief import off_brief
from stages.lamp.program import compact
from stages.lamp.request import Change
from stages.lamp.teachers.rule_based import RuleBased
from stages.lamp.validation import parse


@pytest.fixture(scope="module")
def body(words):
    teacher = RuleBased(words, 7)
    return lambda **meaning: teacher.answer({"id": "x-1", "meaning": meaning})["program"]


def durations(body):
    return [step["duration"] for step in body["steps"]]


# Sequences ---------------------------------------------------------------------------------------------------

STAR, GO = {"intent": "picture", "object": "star"}, {"intent": "text", "text": "GO"}
WAVE = {"intent": "pattern", "pattern": "wave", "colors": ["#FF0000", "#0000FF"]}


def test_parts_follow_one_another_and_the_last_one_stays(body):
    made = body(intent="sequence", parts=[{**STAR, "duration_ms": 7000}, GO, WAVE])
    assert [step["id"] for step in made["steps"]] == ["s1", "s2", "s3"]
    first, second, last = durations(made)
    assert first == 7000 and 4000 <= second <= 10_000 and last is None
    assert made["name"] == "star then text go then wave"


def test_a_mood_ahead_of_something_else_is_one_step_even_where_it_would_drift(words):
    teacher = RuleBased(words, 7)
    parts = [{"intent": "mood", "mood": "spooky"}, {"intent": "picture", "object": "saturn"}]
    meaning = {"intent": "sequence", "parts": parts}
    for number in range(30):
        program = teacher.answer({"id": f"x-{number}", "meaning": meaning})
        assert len(program["program"]["steps"]) == 2
        assert off_brief(meaning, program, words) == []


def test_a_last_part_that_loops_loops_by_itself(body):
    made = body(intent="sequence", parts=[GO, {"intent": "cycle", "colors": ["#FF0000", "#0000FF"]}])
    assert made["loop"] == {"count": 0, "start_step": "s2", "end_step": "s3"}


def test_a_part_that_would_go_on_for_ever_takes_its_turn(body):
    made = body(intent="sequence", parts=[{"intent": "pattern", "pattern": "pulse", "colors": ["#FF0000"]}, GO])
    assert "loop" not in made and durations(made)[0] is not None and durations(made)[1] is None


def test_what_happens_at_the_end_of_a_last_timer_happens_at_the_end_of_all(body):
    made = body(intent="sequence", parts=[STAR, {"intent": "countdown", "number": 3}])
    assert len(made["steps"]) == 4 and "on_complete" in made
    assert "on_complete" not in body(intent="sequence", parts=[{"intent": "countdown", "number": 3}, STAR])


def test_a_sequence_has_at_most_twelve_steps_or_no_answer(body):
    count = {"intent": "countdown", "number": 10}
    assert len(body(intent="sequence", parts=[count, STAR, WAVE])["steps"]) == 12
    with pytest.raises(ValueError, match=r"no answer to .* in 1 steps"):
        body(intent="sequence", parts=[count, count, STAR])


# Follow-ups --------------------------------------------------------------------------------------------------


def follow_up(change, identity="f-1", **meaning):
    return {"id": identity, "meaning": {"intent": "mood", "mood": "calm", "change": change, **meaning}}


@pytest.mark.parametrize("change", get_args(Change))
def test_a_follow_up_is_the_running_program_with_the_change(words, change):
    teacher = RuleBased(words, 7)
    for number in range(6):
        request = follow_up(change, colors=["#FF0000"])
        running = teacher.running(request, number)
        answer = teacher.answer({**request, "running": running})
        assert compact(parse(running)) == running and compact(answer) != running
        assert off_brief(request["meaning"], parse(compact(answer)), words, parse(running)) == []


def test_another_program_is_running_for_each_number_and_request_and_the_same_one_again(words):
    teacher = RuleBased(words, 7)

    def programs(identity):
        return [teacher.running(follow_up("slower", identity), number) for number in range(8)]

    assert programs("f-1") == programs("f-1") != programs("f-2")
    assert len(set(programs("f-1"))) > 6


def test_without_a_running_program_a_follow_up_is_answered_by_its_meaning(words):
    request = follow_up("slower")
    assert off_brief(request["meaning"], RuleBased(words, 7).answer(request), words) == []
