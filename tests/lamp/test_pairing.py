"""Pairs: the right answer is on brief, the wrong one valid and off brief, whatever they were made of."""

import json
from pathlib import Path

import pytest

from stages.lamp import brief, pairing, taxonomy, validation
from stages.lamp.flaws import CHANGES, Flaw
from stages.lamp.pairing import Donors, Rules, Unpaired, paired, stock
from stages.lamp.teachers.rule_based import RuleBased

SEED = Path(__file__).resolve().parents[2] / "data" / "seed"
WORDS = taxonomy.load(SEED)
TEACHER = RuleBased(WORDS, 7)
CHAT = [{"role": "user", "content": "a wish"}]


def row(identity, prompt, response=None, **meaning):
    request = {"id": identity, "prompt": prompt, "category": "toy", "meaning": meaning}
    return {**request, "response": response or TEACHER.response(request)}


ROWS = [
    row(
        "wave", "slow red and blue waves", intent="pattern", pattern="wave", colors=["#FF0000", "#0000FF"], tempo="slow"
    ),
    row("solid", "all green", intent="pattern", pattern="solid", colors=["#008000"]),
    row("mushroom", "a mushroom", intent="picture", object="mushroom"),
    row("fish", "a red fish", intent="picture", object="fish", colors=["#FF0000"]),
    row("text", "write HELLO", intent="text", text="HELLO"),
    row("words", "say GOOD", intent="text", text="GOOD"),
    row("timer", "a timer of 5 minutes", intent="timer", duration_ms=300000),
    row("long", "a timer of an hour", intent="timer", duration_ms=3600000),
    row("cycle", "red, then green, then blue", intent="cycle", colors=["#FF0000", "#008000", "#0000FF"]),
    row("mood", "something calm", intent="mood", mood="calm", title="calm"),
]
ALL = tuple(Flaw)


def found(rows, flaws=ALL, pairs=9, seed=7, donors=None):
    rules = Rules(seed, pairs, flaws)
    givers = Donors(donors or rows)
    cases = [givers.case(one, CHAT, rules) for one in rows]
    return paired(cases, rules, stock(donors or rows), SEED)


def parsed(message):
    return validation.parse(message[0]["content"])


def test_every_pair_has_a_right_answer_and_a_valid_wrong_one_by_the_checks():
    outcomes = found(ROWS)
    assert [one["id"] for one, _, _ in outcomes] == [one["id"] for one in ROWS]
    for one, pairs, reason in outcomes:
        assert pairs and reason is None
        for pair in pairs:
            right, wrong = parsed(pair["chosen"]), parsed(pair["rejected"])
            assert pair["chosen"][0]["content"] == one["response"]
            assert not brief.off_brief(one["meaning"], right, WORDS)
            assert pair["reasons"] == brief.off_brief(one["meaning"], wrong, WORDS) != []


def test_a_pair_is_in_trls_conversational_form_and_says_what_is_wrong():
    [(_, [pair], _)] = found(ROWS[1:2], (Flaw.COLOR,), donors=ROWS)
    assert pair["id"] == "solid-color" and pair["row"] == "solid" and pair["category"] == "toy"
    assert pair["flaw"] == "color" and pair["prompt"] == CHAT
    assert [message["role"] for message in (*pair["chosen"], *pair["rejected"])] == ["assistant", "assistant"]
    assert "instead of #008000" in pair["reasons"][0]


def test_the_wrong_answer_goes_by_the_right_name():
    for _, pairs, _ in found(ROWS):
        assert all(
            parsed(pair["rejected"])["program"]["name"] == parsed(pair["chosen"])["program"]["name"] for pair in pairs
        )


def test_each_flaw_is_made_where_it_can_be():
    made = {pair["flaw"] for _, pairs, _ in found(ROWS) for pair in pairs}
    assert made == {flaw.value for flaw in ALL} - {"unchanged"}


def test_a_row_has_no_more_pairs_than_wanted_and_each_with_another_flaw():
    for _, pairs, _ in found(ROWS, pairs=2):
        assert 1 <= len(pairs) <= 2 and len({pair["flaw"] for pair in pairs}) == len(pairs)
    whole = [[pair["id"] for pair in pairs] for _, pairs, _ in found(ROWS)]
    fewer = [[pair["id"] for pair in pairs] for _, pairs, _ in found(ROWS, pairs=2)]
    assert fewer == [ids[:2] for ids in whole]


def test_a_subject_comes_from_a_request_of_the_same_kind_and_a_request_from_another():
    for _, pairs, _ in found(ROWS, (Flaw.SUBJECT, Flaw.REQUEST)):
        for pair in pairs:
            donor = next(one for one in ROWS if steps(one["response"]) == steps(pair["rejected"][0]["content"]))
            mine = next(one for one in ROWS if one["id"] == pair["row"])
            same = donor["meaning"]["intent"] == mine["meaning"]["intent"]
            assert same == (pair["flaw"] == "subject") and donor is not mine


def steps(response):
    return json.loads(response)["program"]["steps"]


def test_a_change_that_the_request_leaves_open_makes_no_pair():
    # Any colour and any tempo will do.
    open_wave = row("any", "waves", ROWS[0]["response"], intent="pattern", pattern="wave")
    assert found([open_wave], (Flaw.COLOR, Flaw.TEMPO), donors=ROWS)[0][1:] == ([], Unpaired.NOTHING_BREAKS_IT)


def test_a_follow_up_is_wrong_when_nothing_changed():
    running = ROWS[0]["response"]
    slower = {
        "id": "slower",
        "prompt": "slower",
        "category": "toy",
        "meaning": {"intent": "mood", "mood": "calm", "change": "slower"},
        "running": running,
    }
    slower["response"] = TEACHER.response(slower)
    [(_, pairs, _)] = found([slower], donors=[*ROWS, slower])
    unchanged = {pair["flaw"]: pair for pair in pairs}["unchanged"]
    assert steps(unchanged["rejected"][0]["content"]) == steps(running)
    for pair in pairs:
        assert brief.off_brief(slower["meaning"], parsed(pair["rejected"]), WORDS, validation.parse(running))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"meaning": None}, Unpaired.NO_MEANING),
        ({"prompt": "show a star"}, Unpaired.BENCHMARK_REQUEST),
        ({"response": "no program"}, Unpaired.CHOSEN_INVALID),
        ({"meaning": {"intent": "dance"}}, Unpaired.CHOSEN_INVALID),
        ({"response": ROWS[0]["response"]}, Unpaired.CHOSEN_OFF_BRIEF),
    ],
)
def test_a_row_without_a_pair_has_its_reason(changed, reason):
    one = {**ROWS[1], "id": "odd", **changed}
    assert found([one], donors=[*ROWS, one])[0][1:] == ([], reason)


# Always the same -----------------------------------------------------------------------------------------------


def test_pairs_hang_on_row_and_seed_and_not_on_the_order():
    forwards = {one["id"]: pairs for one, pairs, _ in found(ROWS, pairs=2)}
    backwards = {one["id"]: pairs for one, pairs, _ in found(ROWS[::-1], pairs=2)}
    assert forwards == backwards
    assert forwards != {one["id"]: pairs for one, pairs, _ in found(ROWS, pairs=2, seed=8)}


def test_what_a_flaw_is_made_of_does_not_depend_on_which_other_flaws_are_wanted():
    alone = {pair["id"]: pair for _, pairs, _ in found(ROWS, (Flaw.COLOR,)) for pair in pairs}
    together = {pair["id"]: pair for _, pairs, _ in found(ROWS) for pair in pairs}
    assert alone and all(together[identity] == pair for identity, pair in alone.items())


def test_flaws_are_made_by_a_change_or_by_another_answer():
    assert set(ALL) - set(CHANGES) == {Flaw.SUBJECT, Flaw.REQUEST, Flaw.UNCHANGED}
    assert pairing.Case(ROWS[0], CHAT, {}).others == {}
