"""Conversations that branch: which path is taken, what is left out, and the flat rows regrouped."""

import itertools
import random
from collections import Counter

import pytest
from hypothesis import given

from stages.corpus.intake.families.tree import FAMILY, Options, items, map_item
from stages.corpus.rows.row import Reject, Row
from tests.corpus.intake.families.mapping import DEEP, JUNK, SOURCES, lines, real, rejected, sample, texts

BEST = Options()


def ask(text, *replies, **fields):
    return {"role": "prompter", "text": text, "replies": list(replies), **fields}


def answer(text, *replies, **fields):
    return {"role": "assistant", "text": text, "replies": list(replies), **fields}


def tree(*replies, **fields):
    return {"message_tree_id": "t", "prompt": ask("q", *replies, **fields)}


def flat(prompt, tree_id="t"):
    """A nested prompt as the hub's rows."""
    number = itertools.count()
    rows = []

    def walk(message, parent):
        row = {name: value for name, value in message.items() if name != "replies"}
        row |= {"message_id": f"{tree_id}{next(number)}", "parent_id": parent, "message_tree_id": tree_id}
        rows.append(row)
        for reply in message["replies"]:
            walk(reply, row["message_id"])

    walk(prompt, None)
    return rows


def mapped(records, options=BEST):
    return [map_item(item, options) for item in items(iter(records), options)]


def paths(record, count=100):
    return [texts(row) for row in mapped([record], Options(paths=count))]


# Which path --------------------------------------------------------------------------------------------------


def test_the_best_ranked_answer_is_taken_wherever_it_stands():
    assert paths(tree(answer("b", rank=1), answer("a", rank=0), answer("c", rank=2)), 1) == [["q", "a"]]


def test_rank_0_is_a_rank_and_an_unranked_answer_comes_last():
    assert paths(tree(answer("none"), answer("null", rank=None), answer("zero", rank=0)), 1) == [["q", "zero"]]


def test_among_unranked_answers_the_first_is_taken():
    assert paths(tree(answer("a"), answer("b")), 1) == [["q", "a"]]


def test_a_path_goes_down_to_the_last_answer():
    deep = tree(answer("a", ask("b", answer("c", ask("d", answer("e"))))))
    assert mapped([deep]) == [Row("d", "", "e", (("q", "a"), ("b", "c")))]


def test_a_follow_up_that_nobody_answered_is_not_part_of_a_path():
    assert paths(tree(answer("a", ask("thanks"), ask("b", answer("c")))), 1) == [["q", "a", "b", "c"]]
    assert paths(tree(answer("a", ask("thanks")))) == [["q", "a"]]


def test_more_paths_are_taken_best_first():
    record = tree(answer("worse", rank=1), answer("best", ask("x", answer("1")), ask("y", answer("2")), rank=0))
    assert paths(record) == [["q", "best", "x", "1"], ["q", "best", "y", "2"], ["q", "worse"]]
    assert paths(record, 2) == [["q", "best", "x", "1"], ["q", "best", "y", "2"]]
    assert len(paths(record, 1)) == 1


def test_a_path_costs_the_sum_of_its_answers_places():
    record = tree(
        answer("a", ask("x", answer("0", rank=0), answer("1", rank=1), answer("2", rank=2)), rank=0),
        answer("b", rank=1),
    )
    assert [path[-1] for path in paths(record)] == ["0", "1", "b", "2"]


# What is left out --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [{"deleted": True}, {"review_result": False}, {"text": " "}, {"text": None}])
def test_a_bad_reply_and_all_that_hangs_below_it_is_not_walked(fault):
    bad = {**answer("bad", ask("x", answer("y")), rank=0), **fault}
    assert paths(tree(bad, answer("good", rank=1))) == [["q", "good"]]
    assert paths(tree(answer("a", {**ask("bad", answer("y")), **fault}))) == [["q", "a"]]


def test_a_review_that_has_not_taken_place_did_not_fail():
    assert paths(tree(answer("a", review_result=None, deleted=None), review_result=None)) == [["q", "a"]]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (tree(answer("a"), deleted=True), "deleted"),
        (tree(answer("a"), review_result=False), "review_failed"),
        (tree(), "no_answered_turn"),
        (tree(ask("b", answer("c"))), "no_answered_turn"),
        (tree(answer("a", deleted=True), answer("b", deleted=True)), "deleted"),
        (tree(answer("a", review_result=False)), "review_failed"),
        (tree(answer("")), "empty_output"),
        ({"message_tree_id": "t", "prompt": {"replies": []}}, "missing_field"),
        ({"message_tree_id": "t", "prompt": {"role": None, "text": 1, "replies": []}}, "wrong_type"),
        ({"prompt": "a text", "chosen": []}, "missing_field"),
        ({"message_id": "m", "text": "a", "role": "prompter"}, "no_answered_turn"),
        ([], "wrong_type"),
        (DEEP, "wrong_type"),
        ({"prompt": DEEP}, "missing_field"),
    ],
)
def test_a_tree_without_a_path_is_one_item_that_says_why(record, reason):
    (found,) = mapped([record])
    assert rejected(found) == reason


def test_an_item_that_is_no_path_says_so():
    assert rejected(map_item({"text": "a"}, BEST)) == "wrong_type"
    assert rejected(map_item([], BEST)) == "no_answered_turn"


# Flat rows ---------------------------------------------------------------------------------------------------


def test_flat_rows_are_regrouped_whatever_their_order():
    first = ask("q", answer("b", rank=1), answer("a", ask("x", answer("y")), rank=0))
    rows = flat(first, "s") + flat(ask("p", answer("o")), "t")
    for seed in range(20):
        random.Random(seed).shuffle(rows)
        assert sorted(map(texts, mapped(rows))) == [["p", "o"], ["q", "a", "x", "y"]]


def test_trees_come_in_the_order_of_their_first_rows():
    one, two = flat(ask("q", answer("a")), "s"), flat(ask("p", answer("o")), "t")
    assert [texts(row)[0] for row in mapped([two[1], one[0], one[1], two[0]])] == ["p", "q"]


def test_flat_and_nested_forms_give_the_same_rows():
    trees = lines(real("oasst_samples", "en_100_tree.jsonl"))
    rows = [row for record in trees for row in flat(record["prompt"], record["message_tree_id"])]
    assert mapped(rows, Options(paths=9)) == mapped(trees, Options(paths=9))


def test_replies_whose_prompt_is_not_in_the_file_say_so():
    rows = flat(ask("q", answer("a", ask("b", answer("c")))))[1:]
    (found,) = mapped(rows)
    assert rejected(found) == "missing_field"
    assert "'a'" in found.detail


def test_a_message_that_came_twice_or_is_its_own_parent_is_walked_once():
    rows = flat(ask("q", answer("a")))
    loop = {**rows[1], "message_id": "l", "parent_id": "l"}
    again = {**rows[0], "parent_id": rows[1]["message_id"]}
    assert [texts(row) for row in mapped([*rows, loop, *rows, again])] == [["q", "a"]]


def test_a_deep_tree_does_not_exhaust_the_stack():
    rows = flat(ask("q"))
    for number in range(3000):
        role = "prompter" if number % 2 else "assistant"
        parent = rows[-1]["message_id"]
        rows.append(
            {"message_id": f"n{number}", "parent_id": parent, "message_tree_id": "t", "role": role, "text": "x"}
        )
    (row,) = mapped(rows)
    assert len(row.history) == 1499


# The row -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("lang", "kept"), [("en", "en"), ("pt-BR", "pt"), ("uk-UA", "uk"), (None, ""), (7, "")])
def test_the_language_is_kept_as_iso_639_1(lang, kept):
    assert mapped([tree(answer("a"), lang=lang)])[0].lang == kept


def test_an_item_holds_no_more_than_its_own_path():
    (item,) = items([tree(answer("a", ask("thanks")), answer("b"))], BEST)
    assert [message["text"] for message in item] == ["q", "a"]
    assert not any("replies" in message for message in item)


@given(JUNK)
def test_junk_never_raises(junk):
    known = {"message_id": "m", "parent_id": junk, "message_tree_id": "t", "text": "a", "role": "prompter"}
    for records in (
        [junk],
        [{"prompt": junk}],
        [tree(junk, answer("a", junk))],
        [known, junk, {**known, "rank": junk}],
    ):
        for item in items(iter(records), Options(paths=3)):
            assert isinstance(map_item(item, BEST), Row | Reject)
    assert isinstance(map_item(junk, BEST), Row | Reject)
    assert isinstance(map_item([junk, junk], BEST), Row | Reject)


# Whole files -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["en_100_tree.jsonl", "en_100_message.jsonl"])
def test_every_real_tree_gives_its_best_path_letter_by_letter(name):
    records = lines(real("oasst_samples", name))
    rows = mapped(records)
    assert len(rows) == len(records) == 100
    for record, row in zip(records, rows, strict=True):
        message = record.get("prompt", record)
        for text in texts(row):
            assert message["text"].strip() == text
            siblings = [reply for reply in message["replies"] if reply["role"] == "assistant"]
            if siblings:  # below a question the best-ranked answer, below an answer some question that was answered
                message = min(siblings, key=lambda reply: reply.get("rank") or 0)
            else:
                message = next((reply for reply in message["replies"] if reply["replies"]), None)
        assert message is None, "the path ends where nothing more was answered"
        assert row.lang == "en"
    assert sum(len(row.history) > 0 for row in rows) == 45


def test_the_bundled_oasst2_maps_tree_by_tree_in_many_languages():
    found = sample("oasst2", FAMILY)
    rows = [row for row in found if isinstance(row, Row)]
    assert len(rows) == 23
    assert Counter(rejected(item) for item in found if isinstance(item, Reject)) == {
        "deleted": 2,
        "review_failed": 1,
        "no_answered_turn": 1,
        "missing_field": 1,
    }
    assert {"es", "de", "ru", "pt", "fr", "zh", "it", "uk", "ca", "ja", "pl", "sv"} < {row.lang for row in rows}
    assert sum(len(row.history) > 0 for row in rows) == 6
    published = {record["text"].strip() for record in lines((SOURCES / "oasst2" / "sample.jsonl").read_bytes())}
    assert all(text in published for row in rows for text in texts(row))
