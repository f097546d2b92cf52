"""The rows of a mix as chats, and the ones that are kept back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stages.errors import UserError
from stages.model import chat, mixes
from tests.model.small_adapters import make_mixes, row


def test_a_row_is_its_system_prompt_its_turns_what_is_asked_with_its_input_and_the_answer() -> None:
    turns = [["Hello.", "Hello to you."], ["Sing.", "La."]]
    whole = row(1, "song", turns, system="Be kind.", input="A song.", instruction="Name it.", output="That is La.")
    assert mixes.messages(whole) == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hello."},
        {"role": "assistant", "content": "Hello to you."},
        {"role": "user", "content": "Sing."},
        {"role": "assistant", "content": "La."},
        {"role": "user", "content": "Name it.\n\nA song."},
        {"role": "assistant", "content": "That is La."},
    ]


def test_a_plain_row_is_one_question_and_its_answer() -> None:
    assert [turn["role"] for turn in mixes.messages(row(1, "plain"))] == ["user", "assistant"]


def test_the_rows_come_in_their_order(tmp_path: Path) -> None:
    made = [row(number, "x") for number in range(30)]
    make_mixes(tmp_path / "mixes", {"one": made})
    assert [found["id"] for found in mixes.rows(tmp_path / "mixes" / "one")] == [f"x-{number}" for number in range(30)]


def test_a_row_is_kept_back_in_every_mix_or_in_none(tmp_path: Path) -> None:
    made = [row(number, "x") for number in range(300)]
    make_mixes(tmp_path / "mixes", {"all": made, "half": made[::2]})
    every, half = (mixes.kept_back(tmp_path / "mixes" / name, 0.1, 7) for name in ("all", "half"))
    assert 10 < len(every) < 60
    assert half == {identity for identity in every if int(identity[2:]) % 2 == 0}
    assert mixes.kept_back(tmp_path / "mixes" / "all", 0.1, 8) != every


def test_a_small_mix_keeps_one_row_back_and_all_that_equal_it(tmp_path: Path) -> None:
    made = [row(number % 3, "x") for number in range(9)]
    make_mixes(tmp_path / "mixes", {"repeated": made})
    assert len(mixes.kept_back(tmp_path / "mixes" / "repeated", 0.01, 7)) == 1


def test_rows_are_learnt_or_kept_back_and_of_a_conversation_the_last_answer_is_learnt(
    tmp_path: Path, tokenizer: Any
) -> None:
    made = [row(number, "x", [["Before.", "That was before."]]) for number in range(12)]
    make_mixes(tmp_path / "mixes", {"one": made})
    learnt, kept, too_long = mixes.datasets(tokenizer, tmp_path / "mixes" / "one", 1024, "drop", 0.2, 7)
    assert len(learnt) + len(kept) == 12
    assert len(kept) >= 1
    assert too_long == 0
    for found in learnt:
        answer = [token for token, mask in zip(found["input_ids"], found["completion_mask"], strict=True) if mask]
        assert tokenizer.decode(answer) in {f"x {number}{chat.END}" for number in range(12)}
        assert "That was before." in tokenizer.decode(found["input_ids"])


def test_rows_that_are_too_long_are_counted(tmp_path: Path, tokenizer: Any) -> None:
    made = [row(number, "x") for number in range(12)] + [row(99, "x", instruction="very " * 400)]
    make_mixes(tmp_path / "mixes", {"one": made})
    learnt, kept, too_long = mixes.datasets(tokenizer, tmp_path / "mixes" / "one", 100, "drop", 0.01, 7)
    assert (len(learnt) + len(kept), too_long) == (12, 1)


def test_a_mix_of_one_row_cannot_be_validated(tmp_path: Path) -> None:
    make_mixes(tmp_path / "mixes", {"one": [row(1, "x"), row(1, "x")]})
    with pytest.raises(UserError, match="1 different rows; a phase needs one to learn and one to validate with"):
        mixes.kept_back(tmp_path / "mixes" / "one", 0.01, 7)


def test_the_report_says_how_a_mix_is_trained_on(tmp_path: Path) -> None:
    make_mixes(tmp_path / "mixes", {"one": [row(1, "x")]}, epochs=3)
    assert mixes.report(tmp_path / "mixes" / "one")["epochs"] == 3
    with pytest.raises(UserError, match="two: no such mix; there are one"):
        mixes.report(tmp_path / "mixes" / "two")
    with pytest.raises(UserError, match=r"report\.json: no such file"):
        mixes.report(tmp_path / "elsewhere" / "one")


def test_a_file_that_is_no_mix_is_one_clear_line(tmp_path: Path) -> None:
    make_mixes(tmp_path / "mixes", {"one": [row(1, "x")]})
    (tmp_path / "mixes" / "one" / "part-00000.parquet").write_bytes(b"no parquet")
    with pytest.raises(UserError, match="not a Parquet file"):
        list(mixes.rows(tmp_path / "mixes" / "one"))
