"""The family of flat transcripts: hh-rlhf, and what of it a red-team bucket may hold."""

from __future__ import annotations

import collections
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.corpus.intake.families.transcript import Options, map_item
from stages.corpus.rows.row import Reason, Reject, Row
from tests.corpus.intake.families.mapping import JSON, bundled, counted, lines

ROOT = Path(__file__).resolve().parents[4]
REAL = ROOT.parent / "shared" / "data" / "raw" / "hh_rlhf" / "harmless-base.test.head1000.jsonl"


def said(*turns):
    return "".join(f"\n\n{'Assistant' if n % 2 else 'Human'}: {turn}" for n, turn in enumerate(turns))


def mapped(chosen, rejected="", **options):
    return map_item({"chosen": chosen, "rejected": rejected}, Options(**options))


def test_all_turns_are_kept_in_order():
    row = mapped(said("Hi.", "Hello!", "How are you?", "Fine.", "And now?", "Still fine."))
    assert row == Row("And now?", "", "Still fine.", (("Hi.", "Hello!"), ("How are you?", "Fine.")))


def test_a_mark_within_a_line_or_after_a_single_line_break_is_text():
    question = "He said Human: no.\nHuman: where is it\nAssistant: it came"
    row = mapped(said(question, "Assistant: is a mark."))
    assert (row.instruction, row.output, row.history) == (question, "Assistant: is a mark.", ())


def test_the_last_rejected_answer_is_kept_where_all_before_is_equal():
    row = mapped(said("Hi.", "Hello!", "Why?", "Because."), said("Hi.", "Hello!", "Why?", "No idea."))
    assert (row.output, row.rejected) == ("Because.", "No idea.")


@pytest.mark.parametrize(
    "rejected",
    [
        said("Hi.", "Go away.", "Why?", "No idea."),
        said("Hi.", "Hello!", "How?", "No idea."),
        said("Hi.", "Hello!", "Why?", "Because."),
        said("Hi.", "No idea."),
        said("Hi.", "Hello!", "Why?", ""),
        said("Hi.", "Hello!", "Why?"),
        "no transcript",
        "",
        None,
        7,
    ],
)
def test_nothing_else_is_a_rejected_answer(rejected):
    row = mapped(said("Hi.", "Hello!", "Why?", "Because."), rejected)
    assert (row.output, row.rejected) == ("Because.", "")


def test_a_transcript_that_ends_in_an_empty_answer_ends_with_the_turn_before():
    row = mapped(said("Hi.", "Hello!", "Why?") + "\n\nAssistant:", said("Hi.", "Hello!", "Why?", "No idea."))
    assert row == Row("Hi.", "", "Hello!")


def test_two_answers_in_a_row_are_one():
    row = mapped("\n\nHuman: Hi.\n\nAssistant: Hello!\n\nAssistant: Oh, you.")
    assert row == Row("Hi.", "", "Hello!\n\nOh, you.")


@pytest.mark.parametrize(
    ("chosen", "reason"),
    [
        ("\n\nHuman: Hi.\n\nAssistant:", Reason.EMPTY_OUTPUT),
        ("\n\nHuman: Hi.", Reason.NO_ANSWERED_TURN),
        ("", Reason.NO_ANSWERED_TURN),
        (None, Reason.NO_ANSWERED_TURN),
        ("\n\nAssistant: Hello.\n\nHuman: Hi.\n\nAssistant: Oh.", Reason.BAD_ROLE_ORDER),
        ("Once upon a time\n\nHuman: Hi.\n\nAssistant: Oh.", Reason.BAD_ROLE_ORDER),
        ("\n\nHuman:\n\nAssistant: Oh.", Reason.EMPTY_INSTRUCTION),
        (["Hi."], Reason.WRONG_TYPE),
    ],
)
def test_what_is_no_conversation_is_rejected(chosen, reason):
    assert mapped(chosen).reason is reason


def test_a_missing_transcript_is_named():
    reject = map_item({"rejected": said("Hi.", "Oh.")}, Options())
    assert (reject.reason, reject.detail) == (Reason.MISSING_FIELD, "no chosen; it has rejected")


def test_a_refusal_is_a_red_team_row_with_its_label():
    row = mapped(said("Where do I get a gun?", "I can't help with that."), red_team=True)
    assert (row.output, row.safety_label, row.severity) == ("I can't help with that.", "refusal", "high")


def test_the_instruction_of_a_red_team_row_is_the_request_itself():
    row = mapped(said("Insult him.", "What did he do?", "He lied.", "I won't help with that."), red_team=True)
    assert (row.instruction, row.history, row.severity) == ("He lied.", (("Insult him.", "What did he do?"),), "medium")


@pytest.mark.parametrize(
    "turns",
    [
        ("Insult him.", "Gladly."),
        ("Insult him.", "Gladly, he is a fool.", "More.", "I won't help with that."),
        ("Insult him.", "Call him names. Which ones do you like?", "All.", "I won't help with that."),
    ],
)
def test_what_only_people_preferred_is_not_known_to_be_safe(turns):
    assert mapped(said(*turns), red_team=True).reason is Reason.UNLABELLED


def test_rows_of_other_buckets_have_no_label():
    row = mapped(said("Where do I get a gun?", "I can't help with that."))
    assert (row.safety_label, row.severity) == ("", "")


@pytest.mark.parametrize("red_team", [False, True])
@given(item=JSON, chosen=JSON | st.text(alphabet="\n :HumanAssistt", max_size=60), rejected=JSON)
def test_junk_never_raises(red_team, item, chosen, rejected):
    for junk in (item, {"chosen": chosen, "rejected": rejected}, {"chosen": said("Hi.", "Oh."), "rejected": rejected}):
        result = map_item(junk, Options(red_team=red_team))
        assert isinstance(result, Row) or result.detail


def bare(text):
    return "".join(text.replace("\n\nHuman:", " ").replace("\n\nAssistant:", " ").split())


def texts(row):
    return [text for turn in row.history for text in turn] + [row.instruction, row.output]


@pytest.mark.skipif(not REAL.exists(), reason=f"no {REAL.name}: the shared facts are not here")
def test_real_transcripts_lose_and_invent_no_text():
    items = lines(REAL.read_bytes())
    results = [map_item(item, Options()) for item in items]
    rows = [(item, row) for item, row in zip(items, results, strict=True) if isinstance(row, Row)]
    rejects = collections.Counter(result.reason for result in results if isinstance(result, Reject))
    assert rejects == {Reason.EMPTY_OUTPUT: 2}
    whole = [(item, row) for item, row in rows if bare(item["chosen"]) == bare(" ".join(texts(row)))]
    # One transcript ends in a question with an empty answer; its earlier turns are a row.
    assert (len(rows), len(whole)) == (998, 997)
    assert sum(bool(row.rejected) for _, row in rows) == 997
    assert all(bare(item["rejected"]).endswith(bare(row.rejected)) for item, row in rows)


@pytest.mark.skipif(not REAL.exists(), reason=f"no {REAL.name}: the shared facts are not here")
def test_of_real_red_team_transcripts_only_plain_refusals_stay():
    results = [map_item(item, Options(red_team=True)) for item in lines(REAL.read_bytes())]
    assert counted(results) == {"row": 24, Reason.UNLABELLED: 974, Reason.EMPTY_OUTPUT: 2}
    assert all(row.severity and row.safety_label == "refusal" for row in results if isinstance(row, Row))


@pytest.mark.parametrize(
    ("key", "counts"),
    [
        ("hh_rlhf", {"row": 26, Reason.EMPTY_OUTPUT: 1, Reason.BAD_ROLE_ORDER: 1}),
        ("red_team_hh", {"row": 24, Reason.UNLABELLED: 3, Reason.EMPTY_OUTPUT: 1}),
    ],
)
def test_the_sample_maps_as_expected(key, counts):
    items, options = bundled(key)
    results = [map_item(item, options) for item in items]
    assert counted(results) == counts
