"""The schema of a file is found by what is kept of its rows, and what fits none is not guessed at."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import orjson
import pytest

from stages.corpus import canonical
from stages.corpus.intake.entry import load
from stages.corpus.intake.families import mcq, qa
from stages.corpus.intake.families.registry import FAMILIES
from stages.corpus.intake.family import NoOptions
from stages.corpus.recognising import KNOWN, Schema, named, recognised
from stages.corpus.rows.row import Reason, Reject, Row
from stages.errors import UserError
from tests.corpus.bucket_samples import REAL, SOURCES, bundled

# Families and options that keep the same text.
SAME = {
    "gsm8k": "qa",
    "magicoder_oss": "qa (question=problem, answer=solution)",
    "math_instruct": "alpaca (input_may_be_missing=True)",
    "red_team_hh": "transcript",
    "refinements": "refinement",
    "sharegpt": "sharegpt",
    "writing_prompts": "prompt_story",
}


def written(folder: Path, *records: Any, name: str = "rows.jsonl") -> Path:
    (folder / name).write_bytes(b"\n".join(map(orjson.dumps, records)))
    return folder / name


def found(folder: Path, *records: Any) -> str:
    return str(recognised(written(folder, *records), (), SOURCES))


@pytest.mark.parametrize("key", [sample.key for sample in bundled()])
def test_the_sample_of_every_source_is_recognised(key: str) -> None:
    source, options = load(SOURCES / key)
    if key == "tiny_stories":
        with pytest.raises(UserError, match=r"no family fits its rows, which have text; name one"):
            recognised(SOURCES / key / source.sample, (), SOURCES)
        return
    schema = recognised(SOURCES / key / source.sample, (), SOURCES)
    assert str(schema) == SAME.get(key, str(Schema(source.family, options)))


@pytest.mark.parametrize(
    ("file", "schema"),
    [
        ("aqua_rat/dev.json", "mcq (choices=options, answer=correct, rationale=rationale)"),
        ("gorilla_apibench/torchhub_train.json", "function_calling (schema=apibench)"),
        ("gpteacher/roleplay-simple-deduped-roleplay-instruct.json", "alpaca (input=, output=response)"),
        ("gsm8k/train.jsonl", "qa"),
        ("hh_rlhf/harmless-base.test.head1000.jsonl", "transcript"),
        ("humaneval/HumanEval.jsonl", "qa (question=prompt, answer=canonical_solution)"),
        ("nq_open/NQ-open.dev.jsonl", "qa"),
        ("oasst_samples/en_100_message.jsonl", "tree"),
        ("oasst_samples/en_100_tree.jsonl", "tree"),
        ("sharegpt_dummy/dummy_conversation.json", "sharegpt"),
        ("theoremqa/theoremqa_test.json", "qa (question=Question, answer=Answer)"),
        ("xquad_squad_format/xquad.en.json", "squad"),
    ],
)
def test_real_files_are_recognised(file: str, schema: str) -> None:
    if not (REAL / file).exists():
        pytest.skip("the real rows are not on this machine")
    assert str(recognised(REAL / file, (), SOURCES)) == schema


def test_without_the_known_sources_the_families_are_tried_as_they_are(tmp_path: Path) -> None:
    file = written(tmp_path, {"question": "Which?", "choices": ["lamp", "stone"], "answer": 0})
    assert recognised(file, (), tmp_path / "none") == Schema("mcq", mcq.Options())


def test_a_choice_is_not_taken_for_the_answer(tmp_path: Path) -> None:
    assert found(tmp_path, {"question": "Which?", "choices": ["a lamp", "a stone"], "answer": 0}) == "mcq"


def test_an_id_is_not_taken_for_the_answer(tmp_path: Path) -> None:
    rows = [{"prompt": f"Show a lamp of {number} rows", "prompt_id": "a" * 64} for number in range(9)]
    with pytest.raises(UserError, match="no family fits its rows, which have prompt, prompt_id"):
        recognised(written(tmp_path, *rows), (), SOURCES)


def test_labels_are_not_lost_to_plain_pairs(tmp_path: Path) -> None:
    record = {"prompt": "Break it.", "response": "I can't do that.", "subcategory": "others", "adversarial": False}
    labels = {"prompt_harm_label": "harmful", "response_harm_label": "unharmful", "response_refusal_label": "refusal"}
    assert found(tmp_path, record) == "qa (question=prompt, answer=response)"
    assert found(tmp_path, record | labels) == "red_team"


def test_a_few_broken_rows_do_not_matter(tmp_path: Path) -> None:
    good = [{"instruction": f"Show {number}", "input": "", "output": "It is lit."} for number in range(5)]
    assert found(tmp_path, *good, {"instruction": None}, [1], {}) == "alpaca"


def test_rows_of_our_own_form_are_recognised_by_their_metadata(tmp_path: Path) -> None:
    row = {"instruction": "Show a sun", "input": "", "output": "It is lit."}
    assert found(tmp_path, row) == "alpaca"
    assert found(tmp_path, row | {"_category": "code", "_source": "toy"}) == "canonical"
    assert found(tmp_path, row | {"history": [["Hi", "Hello"]]}) == "canonical"


@pytest.mark.parametrize("data", [b"", b"[1]\n2\n", b"no\n"])
def test_a_file_without_a_record_is_a_mistake(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "rows.jsonl").write_bytes(data)
    with pytest.raises(UserError, match=r"rows\.jsonl: none of its first 100 rows is an object"):
        recognised(tmp_path / "rows.jsonl", (), SOURCES)


def test_a_csv_file_without_a_header_is_not_guessed_at(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("Which?,lamp,stone,A\nWho?,Ana,Bo,B\n")
    with pytest.raises(UserError, match="for a CSV file without a header also --columns"):
        recognised(tmp_path / "rows.csv", (), SOURCES)


def test_an_entry_that_is_broken_does_not_stand_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "entries" / "new").mkdir(parents=True)
    (tmp_path / "entries" / "new" / "source.yaml").write_text("source: {family: none}")
    file = written(tmp_path, {"question": "Who?", "answer": "Ana"})
    assert recognised(file, (), tmp_path / "entries").family == "qa"


def test_texts_nested_without_end_are_looked_at_as_far_as_python_goes(tmp_path: Path) -> None:
    deep = b"[" * 900 + b'"x"' + b"]" * 900
    (tmp_path / "rows.jsonl").write_bytes(b'{"question": "Who lit the lamp?", "answer": "Ana", "more": %s}' % deep)
    assert str(recognised(tmp_path / "rows.jsonl", (), SOURCES)) == "qa"


# By name -----------------------------------------------------------------------------------------------------


def test_options_have_the_types_of_the_family() -> None:
    assert named("qa", ["question=title", "right=2", "several=list", "broken_escapes=true"]) == Schema(
        "qa", qa.Options(question="title", right=2, several=qa.Several.LIST, broken_escapes=True)
    )
    assert named("mcq", ["columns=a,b,c", "choices="]).options == mcq.Options(columns=("a", "b", "c"), choices="")
    assert named("canonical", []).options == NoOptions()


@pytest.mark.parametrize("family", KNOWN)
def test_a_named_schema_can_be_sent_to_other_processes(family: str) -> None:
    schema = named(family, [])
    assert pickle.loads(pickle.dumps(schema)) == schema
    assert str(schema) == family


@pytest.mark.parametrize(
    ("family", "options", "message"),
    [
        ("none", [], r"--family none: none of canonical, alpaca, "),
        ("qa", ["question"], r"--option question: write name=value; qa has question, answer"),
        ("qa", ["colour=red"], r"--option colour=red: write name=value; qa has question"),
        ("messages", ["x=1"], r"messages has messages, role"),
        ("canonical", ["x=1"], r"canonical has no options"),
        ("qa", ["right=x", "several=both"], r"--option of qa: right: .*; several: "),
    ],
)
def test_a_name_that_does_not_exist_is_a_mistake(family: str, options: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        named(family, options)


def test_the_known_families_are_those_of_the_sources_and_our_own_form() -> None:
    assert set(KNOWN) == {*FAMILIES, "canonical"}


# Our own form ------------------------------------------------------------------------------------------------

OWN = {"instruction": " Show a sun ", "input": None, "output": "It is lit.", "_source": "toy"}


@pytest.mark.parametrize(
    ("more", "row"),
    [
        ({}, Row("Show a sun", "", "It is lit.")),
        (
            {"input": "a small one", "system": "You are a lamp"},
            Row("Show a sun", "a small one", "It is lit.", (), "You are a lamp"),
        ),
        ({"history": [["Hi", "Hello"]]}, Row("Show a sun", "", "It is lit.", (("Hi", "Hello"),))),
        ({"history": None, "system": None}, Row("Show a sun", "", "It is lit.")),
    ],
)
def test_a_row_of_our_own_form_is_read_as_it_stands(more: dict[str, Any], row: Row) -> None:
    assert canonical.map_item(OWN | more, NoOptions()) == row


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ([], Reason.NOT_AN_OBJECT),
        ({"instruction": "a", "output": "b"}, Reason.MISSING_FIELD),
        ({"instruction": "a", "_source": "toy"}, Reason.MISSING_FIELD),
        (OWN | {"output": ""}, Reason.EMPTY_OUTPUT),
        (OWN | {"instruction": ""}, Reason.EMPTY_INSTRUCTION),
        (OWN | {"output": 1}, Reason.WRONG_TYPE),
        (OWN | {"history": "Hi"}, Reason.WRONG_TYPE),
        (OWN | {"history": [["Hi"]]}, Reason.WRONG_TYPE),
        (OWN | {"history": [["Hi", None]]}, Reason.WRONG_TYPE),
        (OWN | {"history": {"a": 1}}, Reason.WRONG_TYPE),
    ],
)
def test_what_is_no_row_of_our_own_form_is_a_reject(item: Any, reason: Reason) -> None:
    row = canonical.map_item(item, NoOptions())
    assert isinstance(row, Reject)
    assert row.reason is reason


@pytest.mark.parametrize(("category", "read"), [("code", "code"), (None, ""), (3, "")])
def test_a_category_is_a_text_or_none(category: Any, read: str) -> None:
    assert canonical.category_of(OWN | {"_category": category}) == read
