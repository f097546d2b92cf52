"""Conversations: asked until the answer holds, with the reason, and always on the same course."""

import dataclasses

import pytest

from stages.lamp.teachers.answer_store import Answer
from stages.lamp.teachers.conversation import Conversation, Setting
from stages.lamp.teachers.spending import Usage

SETTING = Setting("model", "You are a teacher.", {"type": "object"}, 100, None)


def said(text, stop_reason="end_turn", detail=""):
    return Answer(text, stop_reason, Usage(1, 7), 0.1, "model", "msg", None, detail)


def talk(setting=SETTING, question="wish", attempts=3):
    return Conversation(setting, question, lambda text: [] if text == "good" else [f"{text} is wrong"], attempts)


def test_a_good_answer_ends_the_conversation():
    one = talk()
    assert one.call.messages == [{"role": "user", "content": "wish"}]
    one.hear(said("good"))
    assert (one.answer, one.reasons, one.call) == ("good", [], None)


def test_a_wrong_answer_is_quoted_with_what_is_wrong_with_it():
    one = talk()
    one.hear(said("bad"))
    first, quoted, objection = one.call.messages
    assert (first["content"], quoted["role"], quoted["content"]) == ("wish", "assistant", "bad")
    assert "- bad is wrong" in objection["content"]
    one.hear(said("good"))
    assert one.answer == "good" and one.reasons == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (said("", "refusal", "bio: no"), "the model refused to answer (bio: no)"),
        (said('{"program":', "max_tokens"), "the answer was cut off after 7 tokens"),
        (said(" "), "the answer is empty (stop reason end_turn)"),
    ],
)
def test_a_refused_cut_off_or_empty_answer_is_not_quoted_but_named(answer, reason):
    one = talk()
    one.hear(answer)
    [message] = one.call.messages
    assert message["role"] == "user" and message["content"].startswith("wish\n") and reason in message["content"]


def test_after_the_last_attempt_there_are_the_reasons_of_all():
    one = talk(attempts=2)
    one.hear(said("", "refusal"))
    one.hear(said("bad"))
    assert one.answer is None and one.call is None
    assert one.reasons == ["the model refused to answer", "bad is wrong"]


def test_the_same_mistake_twice_is_still_another_call():
    one = talk(attempts=9)
    keys = set()
    for answer in (said("", "refusal"), said("", "refusal"), said("bad"), said("bad"), said("", "max_tokens")):
        keys.add(one.call.key)
        one.hear(answer)
    assert len(keys | {one.call.key}) == 6


def test_the_same_answers_lead_to_the_same_calls():
    one, other = talk(), talk()
    for answer in (said("bad"), said("worse")):
        assert one.call == other.call
        one.hear(answer)
        other.hear(answer)
    assert one.call == other.call


def test_a_key_is_of_everything_that_an_answer_depends_on_and_of_nothing_else():
    changes = {"model": "m", "system": "s", "schema": None, "max_tokens": 1, "effort": "low"}
    keys = {talk(dataclasses.replace(SETTING, **{name: value})).call.key for name, value in changes.items()}
    keys |= {talk().call.key, talk(question="another wish").call.key}
    assert len(keys) == len(changes) + 2
    assert talk(attempts=1).call.key == talk(dataclasses.replace(SETTING)).call.key
    assert all(len(key) == 64 and key.isalnum() for key in keys), "must do as a custom_id"


def test_a_call_has_the_system_prompt_as_a_block_that_is_marked_for_the_cache():
    params = SETTING.params([{"role": "user", "content": "wish"}], "1h")
    [block] = params["system"]
    assert block == {
        "type": "text",
        "text": "You are a teacher.",
        "cache_control": {"type": "ephemeral", "ttl": "1h"},
    }
    assert params["output_config"] == {"format": {"type": "json_schema", "schema": {"type": "object"}}}
    assert "output_config" not in dataclasses.replace(SETTING, schema=None).params([], "5m")
    assert dataclasses.replace(SETTING, effort="low").params([], "5m")["output_config"]["effort"] == "low"
