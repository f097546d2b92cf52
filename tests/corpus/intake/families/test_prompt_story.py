"""The family of stories, asked for by a prompt or by their own first words."""

from __future__ import annotations

import pytest
from hypothesis import given

from stages.corpus.intake.families.prompt_story import Options, map_item
from stages.corpus.rows.row import Reason, Row
from tests.corpus.intake.families.mapping import JSON, bundled, counted

ALONE = Options(prompt="", story="text")


def mapped(prompt, story="It rained.", **options):
    return map_item({"prompt": prompt, "story": story}, Options(**options))


def told(text, **options):
    return map_item({"text": text}, Options(prompt="", story="text", **options))


@pytest.mark.parametrize(
    "prompt",
    ["[WP] A man waits.", "[ WP ] A man waits.", "[EU][CW] A man waits.", "(wp): A man waits.", "A man waits. [WP]"],
)
def test_tags_of_a_prompt_go(prompt):
    instruction = mapped(prompt).instruction
    assert "A man waits." in instruction
    assert "wp" not in instruction.casefold() and "eu" not in instruction.casefold()


def test_other_brackets_of_a_prompt_stay():
    assert "[redacted] and [CIA] (EU law) [me]" in mapped("[WP] The [redacted] and [CIA] (EU law) [me].").instruction


def test_line_breaks_written_as_tokens_are_line_breaks():
    assert mapped("A man.", "It rained . <newline> <newline> All day .", spaced=True).output == "It rained.\n\nAll day."


def test_tokens_become_text_where_the_source_says_that_it_has_them():
    row = mapped("[ WP ] He ca n't .", "`` No , '' he said .", spaced=True)
    assert "He can't." in row.instruction and row.output == '"No," he said.'
    assert mapped("Go .", "No , he said .").output == "No , he said ."


def test_a_prompt_is_never_the_whole_instruction_and_wordings_vary():
    asked = {mapped(f"Door {n}.").instruction.replace(str(n), "") for n in range(40)}
    assert len(asked) == 4 and "Door ." not in asked


def test_a_story_that_is_too_long_ends_with_a_whole_sentence():
    story = 'He ran. "Stop!" she cried. Then the lights went out'
    assert mapped("Run.", story, longest=30).output == 'He ran. "Stop!" she cried.'
    assert mapped("Run.", story, longest=20).output == 'He ran. "Stop!"'
    assert mapped("Run.", story, longest=len(story)).output == story
    assert mapped("Run.", story).output == story


def test_a_story_without_the_end_of_a_sentence_is_not_cut():
    assert mapped("Run.", "word " * 20, longest=30).output == ("word " * 20).strip()


def test_a_story_alone_is_asked_for_by_its_first_sentences():
    opening = "Once upon a time, there was a little girl named Lily. She had a boat made of paper."
    row = told(f"{opening} It sank.\n\nShe made another.")
    assert f"“{opening}”" in row.instruction
    assert row.output == f"{opening} It sank.\n\nShe made another."


def test_first_words_end_with_the_first_line():
    assert "“One day.”" in told("One day.\n\nIt rained.").instruction


def test_a_first_sentence_without_end_is_shown_in_part():
    words = [f"w{n}" for n in range(50)]
    assert f"“{' '.join(words[:30])}...”" in told(" ".join(words)).instruction


def test_the_mark_of_the_end_of_text_goes():
    assert told("It rained.<|endoftext|>").output == "It rained."


@pytest.mark.parametrize(
    ("prompt", "story", "reason"),
    [
        ("[WP] A man.", "[deleted]", Reason.DELETED),
        ("[WP] A man.", "[ removed ]", Reason.DELETED),
        ("[deleted]", "It rained.", Reason.DELETED),
        ("[WP]", "It rained.", Reason.EMPTY_INSTRUCTION),
        ("[WP] A man.", "<newline>", Reason.EMPTY_OUTPUT),
        ("[WP] A man.", None, Reason.EMPTY_OUTPUT),
        (3, "It rained.", Reason.WRONG_TYPE),
        ("[WP] A man.", ["It rained."], Reason.WRONG_TYPE),
    ],
)
def test_without_prompt_or_story_there_is_no_row(prompt, story, reason):
    reject = mapped(prompt, story)
    assert reject.reason is reason and reject.detail


@pytest.mark.parametrize("text", ["", None, " \n", "<|endoftext|>"])
def test_an_empty_story_is_none(text):
    assert told(text).reason is Reason.EMPTY_OUTPUT


def test_braces_in_a_text_are_text():
    assert "{0} {x}" in mapped("Type {0} {x}.").instruction


@pytest.mark.parametrize("options", [Options(spaced=True, longest=9), ALONE])
@given(item=JSON, prompt=JSON, story=JSON)
def test_junk_never_raises(options, item, prompt, story):
    for junk in (item, {"prompt": prompt, "story": story, "text": story}):
        result = map_item(junk, options)
        assert isinstance(result, Row) or result.detail


def letters(text):
    return [char for char in text.replace("<newline>", "").replace("<|endoftext|>", "") if char.isalnum()]


@pytest.mark.parametrize(
    ("key", "story", "counts"),
    [
        ("writing_prompts", "story", {"row": 26, Reason.DELETED: 1, Reason.EMPTY_INSTRUCTION: 1}),
        ("tiny_stories", "text", {"row": 26, Reason.EMPTY_OUTPUT: 2}),
    ],
)
def test_the_sample_maps_as_expected_and_loses_no_text(key, story, counts):
    records, options = bundled(key)
    results = [map_item(record, options) for record in records]
    assert counted(results) == counts
    for record, row in zip(records, results, strict=True):
        assert not isinstance(row, Row) or letters(row.output) == letters(record[story])
