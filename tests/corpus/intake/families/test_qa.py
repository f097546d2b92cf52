"""Question and answer in all the types in which answers are published."""

from collections import Counter
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages import params
from stages.corpus.intake.families.qa import Options, Several, map_item
from stages.corpus.rows.row import Reason, Reject, Row

ROOT = Path(__file__).resolve().parents[4]
REAL = ROOT.parent / "shared" / "data" / "raw"
SOURCES = ROOT / "data" / "seed" / "corpus" / "sources"
THEOREMS = Options(question="Question", answer="Answer", several=Several.LIST, broken_escapes=True)


def output(answer, **options):
    """What a row answers to "why?", or the reason why there is no row."""
    mapped = map_item({"question": "why?", "answer": answer}, Options(**options))
    return mapped.output if isinstance(mapped, Row) else mapped.reason


def test_question_and_answer_lose_only_the_white_space_around_them():
    assert map_item({"question": "  Why\n so?\n", "answer": "\nBecause  of it. "}, Options()) == Row(
        "Why\n so?", "", "Because  of it."
    )


def test_the_fields_have_the_names_that_the_source_gives_them():
    item = {"inputs": "2 + 2?", "targets": "4", "question": "no", "answer": "no"}
    assert map_item(item, Options(question="inputs", answer="targets")) == Row("2 + 2?", "", "4")


def test_a_system_prompt_is_kept_and_an_empty_or_null_one_is_none():
    options = Options(system="system_prompt")
    item = {"system_prompt": " Be brief. ", "question": "why?", "answer": "so"}
    assert map_item(item, options).system == "Be brief."
    assert map_item(item | {"system_prompt": ""}, options).system == ""
    assert map_item(item | {"system_prompt": None}, options).system == ""


def test_a_record_without_the_field_of_the_system_prompt_is_of_another_schema():
    mapped = map_item({"question": "why?", "answer": "so"}, Options(system="system_prompt"))
    assert mapped == Reject(Reason.MISSING_FIELD, "no system_prompt; it has question, answer")


@pytest.mark.parametrize(
    ("answer", "text"),
    [(11760, "11760"), (0, "0"), (1.0, "1.0"), (4e-05, "4e-05"), (-3e25, "-3e+25"), (True, "True"), (False, "False")],
)
def test_numbers_and_truth_values_are_answers_zero_and_false_too(answer, text):
    assert output(answer) == text


def test_of_several_answers_the_first_one_that_says_something_is_taken():
    assert output(["14 December 1972 UTC", "December 1972"]) == "14 December 1972 UTC"
    assert output(["", None, "  one  ", "two"]) == "one"
    assert output([0, 1]) == "0"


def test_an_answer_that_is_a_list_keeps_all_its_elements():
    assert output([0, 2, 0], several=Several.LIST) == "[0, 2, 0]"
    assert output([0.333, -1, True], several=Several.LIST) == "[0.333, -1, True]"
    assert output(["a", "b"], several=Several.LIST) == "[a, b]"


def test_a_list_without_answers_answers_nothing():
    assert output([]) is Reason.EMPTY_OUTPUT
    assert output(["", None]) is Reason.EMPTY_OUTPUT
    assert output([], several=Several.LIST) is Reason.EMPTY_OUTPUT


def test_a_list_that_holds_more_than_texts_and_numbers_is_of_another_schema():
    assert output([{"text": "x"}]) is Reason.WRONG_TYPE
    assert output([[1, 2]], several=Several.LIST) is Reason.WRONG_TYPE
    assert output([1, None], several=Several.LIST) is Reason.WRONG_TYPE


def test_of_an_answer_with_aliases_the_value_is_taken():
    answer = {
        "value": "Sunset Boulevard",
        "aliases": ["Sunset Blvd", "Sunset Bulevard"],
        "normalized_value": "sunset boulevard",
        "normalized_aliases": ["sunset blvd"],
        "matched_wiki_entity_name": "",
        "type": "WikipediaEntity",
    }
    assert output(answer) == "Sunset Boulevard"
    assert output({"value": 1869, "aliases": []}) == "1869"


def test_without_a_value_an_alias_is_the_answer_and_a_withheld_one_is_none():
    assert output({"value": "", "aliases": ["", "Sunset Blvd"]}) == "Sunset Blvd"
    assert output({"value": None, "aliases": ["Sunset Blvd"]}) == "Sunset Blvd"
    assert output({"value": "<unk>", "aliases": []}) is Reason.EMPTY_OUTPUT
    assert output({"value": None, "aliases": None}) is Reason.EMPTY_OUTPUT


def test_an_answer_object_of_another_schema_is_rejected():
    assert output({"text": ["x"], "answer_start": [3]}) is Reason.MISSING_FIELD
    assert output({"value": ["x"]}) is Reason.WRONG_TYPE


@pytest.mark.parametrize("label", [1, "1", True])
def test_a_right_answer_is_kept(label):
    item = {"question": "why?", "answer": "so", "label": label}
    assert map_item(item, Options(label="label")) == Row("why?", "", "so")


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        (0, Reason.LABELLED_WRONG),
        ("0", Reason.LABELLED_WRONG),
        (2, Reason.LABELLED_WRONG),
        (-1, Reason.UNLABELLED),
        (None, Reason.UNLABELLED),
        ("right", Reason.WRONG_TYPE),
        (0.5, Reason.WRONG_TYPE),
        ("²", Reason.WRONG_TYPE),
    ],
)
def test_a_wrong_answer_is_counted_as_such_and_an_unjudged_one_too(label, reason):
    mapped = map_item({"question": "why?", "answer": "so", "label": label}, Options(label="label"))
    assert mapped.reason is reason
    assert str(label) in mapped.detail


def test_a_record_without_the_label_is_of_another_schema():
    mapped = map_item({"question": "why?", "answer": "so"}, Options(label="label"))
    assert mapped == Reject(Reason.MISSING_FIELD, "no label; it has question, answer")
    assert map_item({"label": "1" * 9999}, Options(label="label")).reason is Reason.WRONG_TYPE


def test_the_label_of_right_answers_may_be_0():
    item = {"question": "why?", "answer": "so", "label": 0}
    assert isinstance(map_item(item, Options(label="label", right=0)), Row)


def test_without_answers_the_source_says_what_to_do_with_the_text():
    options = Options(question="body", answer="title", ask="Write a title.")
    assert map_item({"title": "Loops", "body": "How do I loop?"}, options) == Row(
        "Write a title.", "How do I loop?", "Loops"
    )
    assert map_item({"title": "Loops", "body": " "}, options).reason is Reason.EMPTY_INSTRUCTION


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"question": "why?", "answer": " \n"}, Reason.EMPTY_OUTPUT),
        ({"question": "why?", "answer": None}, Reason.EMPTY_OUTPUT),
        ({"question": "", "answer": "so"}, Reason.EMPTY_INSTRUCTION),
        ({"question": None, "answer": "so"}, Reason.EMPTY_INSTRUCTION),
        ({"answer": "so"}, Reason.MISSING_FIELD),
        ({"question": "why?"}, Reason.MISSING_FIELD),
        ({"question": ["why?"], "answer": "so"}, Reason.WRONG_TYPE),
        ({"question": "[removed]", "answer": "so"}, Reason.DELETED),
        ({"question": "why?", "answer": " [deleted]\n"}, Reason.DELETED),
        ([], Reason.NOT_AN_OBJECT),
    ],
)
def test_what_is_no_question_with_an_answer_is_rejected_with_its_reason(item, reason):
    mapped = map_item(item, Options())
    assert mapped.reason is reason
    assert mapped.detail


def test_latex_commands_get_the_backslash_back_that_was_read_as_an_escape():
    item = {"Question": "\frac{1}{2} of x \to 9, \\left(\theta\right), \x08eta \rightarrow 0", "Answer": "\frac12"}
    assert map_item(item, THEOREMS) == Row(
        r"\frac{1}{2} of x \to 9, \left(\theta\right), \beta \rightarrow 0", "", r"\frac12"
    )


def test_tabs_and_line_ends_that_are_no_commands_stay():
    item = {"Question": "Name:\tAda\r\ntopic:\ttoday\tothers", "Answer": "a\tb"}
    assert map_item(item, THEOREMS) == Row(item["Question"], "", item["Answer"])


def test_escapes_are_left_alone_where_the_source_is_not_known_for_them():
    assert map_item({"question": "a\to b", "answer": "c"}, Options()).instruction == "a\to b"


def test_a_list_nested_a_thousand_deep_is_rejected():
    deep = orjson.loads(b"[" * 1020 + b"]" * 1020)
    assert map_item({"question": deep, "answer": "so"}, Options()).reason is Reason.WRONG_TYPE
    assert output(deep) is Reason.WRONG_TYPE


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
FIELDS = st.sampled_from(["question", "answer", "label", "system", "value", "aliases"])
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4), max_leaves=12
)


@pytest.mark.parametrize(
    "options",
    [
        Options(),
        Options(several=Several.LIST, broken_escapes=True),
        Options(system="system", label="label"),
        Options(ask="Do something with it."),
    ],
    ids=["plain", "lists", "judged", "asked"],
)
@given(item=JSON | st.dictionaries(FIELDS, JSON, min_size=2))
def test_junk_never_raises(options, item):
    mapped = map_item(item, options)
    if isinstance(mapped, Row):
        assert mapped.instruction and mapped.output
    else:
        assert mapped.reason in Reason and mapped.detail and len(mapped.detail) <= 250


def real(name):
    path = REAL / name
    if not path.exists():
        pytest.skip(f"no {name} beside the repository")
    return path.read_bytes()


def lines(name):
    return [orjson.loads(line) for line in real(name).split(b"\n") if line]


def mapped_rows(items, options):
    """The rows of all items; none of these real ones may be rejected."""
    mapped = [map_item(item, options) for item in items]
    assert Counter(row.reason for row in mapped if isinstance(row, Reject)) == {}
    return mapped


def test_every_question_of_nq_open_is_kept_with_its_first_answer():
    items = lines("nq_open/NQ-open.dev.jsonl")
    rows = mapped_rows(items, Options())
    assert [(row.instruction, row.output) for row in rows] == [
        (item["question"].strip(), item["answer"][0].strip()) for item in items
    ]


def test_every_text_of_gsm8k_is_kept_whole():
    items = lines("gsm8k/train.jsonl")
    rows = mapped_rows(items, Options())
    assert [(row.instruction, row.output) for row in rows] == [
        (item["question"].strip(), item["answer"].strip()) for item in items
    ]


def repaired(before, after):
    """How many commands have their backslash back; fails where anything else has changed."""
    count, rest = 0, iter(after)
    for character in before:
        other = next(rest)
        if other != character:
            assert (character, other + next(rest)) in {("\f", r"\f"), ("\t", r"\t"), ("\r", r"\r")}
            count += 1
    assert list(rest) == []
    return count


def test_every_theorem_question_is_kept_with_its_typed_answer_and_its_commands():
    items = orjson.loads(real("theoremqa/theoremqa_test.json"))
    rows = mapped_rows(items, THEOREMS)
    repairs = [repaired(item["Question"].strip(), row.instruction) for item, row in zip(items, rows, strict=True)]
    assert (len(rows), sum(repairs)) == (800, 7)
    assert not any(character in row.instruction for row in rows for character in "\f\b\v\a\r")
    for item, row in zip(items, rows, strict=True):
        answer = item["Answer"]
        assert row.output == (answer if isinstance(answer, str) else str(answer))


EXPECTED = {
    "openorca": Counter(kept=25, empty_output=2, empty_instruction=1),
    "flan_v2": Counter(kept=26, empty_output=1, empty_instruction=1),
    "open_math_instruct": Counter(kept=26, empty_output=2),
    "competition_math": Counter(kept=26, empty_output=1, empty_instruction=1),
    "orca_math": Counter(kept=26, empty_output=1, empty_instruction=1),
    "metamath": Counter(kept=26, empty_output=1, empty_instruction=1),
    "counseling": Counter(kept=25, empty_output=2, empty_instruction=1),
    "eli5": Counter(kept=25, deleted=2, empty_output=1),
    "wiki_qa": Counter(kept=24, labelled_wrong=4),
    "stackoverflow": Counter(kept=25, empty_output=1, empty_instruction=2),
    "glaive_code": Counter(kept=26, empty_output=1, empty_instruction=1),
}


@pytest.mark.parametrize("key", EXPECTED)
def test_the_bundled_sample_of_a_source_becomes_the_rows_it_should(key):
    options = params.load(Options, "options", SOURCES / key / "source.yaml")
    items = [orjson.loads(line) for line in (SOURCES / key / "sample.jsonl").read_bytes().splitlines()]
    mapped = [map_item(item, options) for item in items]
    counts = Counter("kept" if isinstance(row, Row) else str(row.reason) for row in mapped)
    assert counts == EXPECTED[key]
    for item, row in zip(items, mapped, strict=True):
        if isinstance(row, Row):
            asked = row.input if options.ask else row.instruction
            assert (asked, row.output) == (item[options.question].strip(), item[options.answer].strip())
            assert row.system == (item[options.system] if options.system else "")
