"""Tokens that an export left behind are counted; texts about them are not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stages.corpus.intake.persona import tokens

RAW = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "raw"


@pytest.mark.parametrize(
    "token",
    [
        "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|start_header_id|>", "<|user|>", "<|assistant|>",
        "<persona>", "</persona>", "<start_of_turn>", "<end_of_turn>", "<<SYS>>", "<</SYS>>", "<s>", "</s>", "<human>:",
        "### Instruction:", "### Response:", "### Input:", "### Human:", "### Assistant:",
    ],
)  # fmt: skip
def test_every_token_is_found_and_counted(token: str) -> None:
    assert tokens(f"A lamp.\n{token}\nhangs there.\n{token}\n") == {token: 2}


def test_both_marks_of_llama_2_are_found_together() -> None:
    assert tokens("[INST] Light the lamp. [/INST] It is lit.") == {"[INST]": 1, "[/INST]": 1}


def test_personas_count_as_one_whatever_their_names() -> None:
    assert tokens("<persona:pirate> Ahoy! <persona:old sage> Well met.") == {"<persona>": 2}


def test_a_turn_of_vicuna_may_begin_on_its_line() -> None:
    assert tokens("### Human: Light it.\n### Assistant: It is lit.") == {"### Human:": 1, "### Assistant:": 1}


@pytest.mark.parametrize(
    "text",
    [
        "End a text with `<|endoftext|>`.",
        'The token "<|endoftext|>" ends a text.',
        "It is called “<|im_start|>”.",
        "```\n<|im_start|>user\nHello<|im_end|>\n```",
        "   ```text\n</s>\n   ```",
        "The price is <s>ten</s> nine crowns.",
        "Llama 2 opens a turn with [INST] and a space.",
        "Write '### Response:' below it.",
        "### Input: numbers = [1, 2]",
        "Below ### Response: the answer follows.",
        "### Response times\nThey vary.",
        "The #### 72 at the end, the [MASK] of BERT, <|mask|> and a <b>tag</b>.",
        "if a <b or c|> d: pass",
        "the persona of a pirate",
        "",
    ],
)
def test_a_mention_is_no_token(text: str) -> None:
    assert tokens(text) == {}


def test_a_mention_does_not_hide_a_token_elsewhere() -> None:
    assert tokens("`<|im_end|>` ends a turn.<|im_end|>") == {"<|im_end|>": 1}


def test_a_token_behind_an_open_quote_is_found() -> None:
    assert tokens("It's lit.</s> That's all.") == {"</s>": 1}


@pytest.mark.skipif(not RAW.is_dir(), reason="the published rows are not here")
def test_published_rows_have_none() -> None:
    lines = (RAW / "gsm8k" / "train.jsonl").read_text(encoding="utf-8").split("\n")
    plays = json.loads((RAW / "gpteacher" / "roleplay-simple-deduped-roleplay-instruct.json").read_bytes())
    texts = [item["question"] + "\n" + item["answer"] for item in map(json.loads, filter(None, lines))]
    texts += ["\n".join(item.values()) for item in plays]
    assert not any(map(tokens, texts))
