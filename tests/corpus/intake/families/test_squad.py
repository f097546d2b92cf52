"""Questions about a text: where the text goes, which answer stands, what becomes of questions without one."""

from collections import Counter
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages import params
from stages.corpus.intake.families.squad import FAMILY, NOT_ANSWERABLE, Options, items, map_item
from stages.corpus.rows.row import Reason, Reject, Row

ROOT = Path(__file__).resolve().parents[4]
REAL = ROOT.parent / "shared" / "data" / "raw"
SOURCES = ROOT / "data" / "seed" / "corpus" / "sources"
MARCO = params.load(Options, "options", SOURCES / "ms_marco" / "source.yaml")
HOTPOT = params.load(Options, "options", SOURCES / "hotpot_qa" / "source.yaml")
OWL = {
    "question": "When do owls hunt?",
    "context": "Owls hunt at night.",
    "answers": {"text": ["at night"], "answer_start": [10]},
}
ASKED = {
    "query": "why is ice light",
    "passages": {
        "is_selected": [0, 1],
        "passage_text": ["Snow is white.", "Ice floats. "],
        "url": ["http://a", "http://b"],
    },
    "answers": ["It is less dense."],
    "wellFormedAnswers": [],
}
HOPS = {
    "question": "Which is older?",
    "answer": "the oak",
    "context": {"title": ["Oak", "Elm"], "sentences": [["It is tall.", " It is 300."], ["It is 90."]]},
    "supporting_facts": {"title": ["Elm", "Oak"], "sent_id": [0, 1]},
}


def mapped(item, options=None):
    row = map_item(item, options or Options())
    assert isinstance(row, Row), row
    return row


def reason(item, options=None):
    found = map_item(item, options or Options())
    assert isinstance(found, Reject), found
    assert found.detail
    assert len(found.detail) <= 200
    return found.reason


# One text ------------------------------------------------------------------------------------------------------


def test_the_context_goes_to_the_input():
    assert mapped(OWL) == Row("When do owls hunt?", "Owls hunt at night.", "at night")


def test_a_byte_order_mark_inside_a_text_stays():
    assert mapped({**OWL, "context": " Owls\ufeff hunt at night.\n"}).input == "Owls\ufeff hunt at night."


@pytest.mark.parametrize("answers", [{"text": [], "answer_start": []}, []])
def test_a_question_that_the_text_does_not_answer_is_kept(answers):
    assert mapped({**OWL, "answers": answers}) == Row(OWL["question"], OWL["context"], NOT_ANSWERABLE)


def test_what_is_marked_impossible_has_no_answer_whatever_is_plausible():
    assert mapped({**OWL, "is_impossible": True}).output == NOT_ANSWERABLE
    assert mapped({**OWL, "is_impossible": False}).output == "at night"


@pytest.mark.parametrize("answers", [["", " at night "], "at night", [{"text": "at night", "answer_start": 10}]])
def test_answers_are_a_text_or_texts_or_objects_and_the_first_that_says_something_stands(answers):
    assert mapped({**OWL, "answers": answers}).output == "at night"


def test_answers_that_say_nothing_do_not_make_a_question_unanswerable():
    assert reason({**OWL, "answers": {"text": [" "], "answer_start": [0]}}) is Reason.EMPTY_OUTPUT
    assert reason({**OWL, "answers": ""}) is Reason.EMPTY_OUTPUT
    assert reason({**OWL, "answers": None}) is Reason.WRONG_TYPE


# Nested --------------------------------------------------------------------------------------------------------


def nested():
    qa = [{"id": "1", "question": "When?", "answers": [{"text": "at night", "answer_start": 10}]}]
    qa += [{"id": "2", "question": "Why?", "answers": [], "plausible_answers": [{"text": "x"}], "is_impossible": True}]
    articles = [
        {"title": "Owl", "paragraphs": [{"context": "Owls hunt at night.", "qas": qa}, {"context": "-", "qas": []}]}
    ]
    return {
        "version": "v2.0",
        "data": [*articles, {"title": "Bee", "paragraphs": [{"context": "Bees.", "qas": qa[:1]}]}],
    }


def test_a_nested_file_is_taken_apart_into_its_questions():
    rows = [mapped(item) for item in items([nested()], Options())]
    assert rows == [
        Row("When?", "Owls hunt at night.", "at night"),
        Row("Why?", "Owls hunt at night.", NOT_ANSWERABLE),
        Row("When?", "Bees.", "at night"),
    ]


def test_the_records_may_be_the_articles_or_the_paragraphs():
    whole = list(items([nested()], Options()))
    assert list(items(nested()["data"], Options())) == whole
    assert list(items([part for article in nested()["data"] for part in article["paragraphs"]], Options())) == whole


def test_what_is_nested_wrongly_is_rejected_and_not_skipped():
    broken = {
        "data": [3, {"paragraphs": ["x", {"context": "y", "qas": [None, {"question": "z"}]}]}, {"paragraphs": None}]
    }
    found = [reason(item) for item in items([broken, {"data": "x"}, {"data": [{"data": [OWL]}]}], Options())]
    assert found == [Reason.NOT_AN_OBJECT] * 3 + [Reason.MISSING_FIELD] * 4


# Several passages ------------------------------------------------------------------------------------------------


def test_all_passages_are_kept_in_their_order():
    assert mapped(ASKED, MARCO) == Row("why is ice light", "Snow is white.\n\nIce floats.", "It is less dense.")


def test_an_empty_passage_leaves_no_gap():
    passages = {"passage_text": ["Snow is white.", " ", "Ice floats."]}
    assert mapped({**ASKED, "passages": passages}, MARCO).input == "Snow is white.\n\nIce floats."


def test_an_answer_in_a_whole_sentence_goes_first():
    assert mapped({**ASKED, "wellFormedAnswers": ["Ice is less dense."]}, MARCO).output == "Ice is less dense."
    assert mapped({**ASKED, "wellFormedAnswers": "[]"}, MARCO).output == "It is less dense."


def test_the_sources_own_words_for_no_answer_are_put_into_ours():
    assert mapped({**ASKED, "answers": ["No Answer Present."]}, MARCO).output == NOT_ANSWERABLE


def test_an_answer_kept_secret_is_not_taken_for_none():
    assert reason({**ASKED, "answers": []}, MARCO) is Reason.EMPTY_OUTPUT
    assert reason({**HOPS, "answer": ""}, HOTPOT) is Reason.EMPTY_OUTPUT


def test_passages_keep_their_titles_and_the_answer_the_sentences_it_rests_on():
    assert mapped(HOPS, HOTPOT) == Row(
        "Which is older?",
        "Oak\nIt is tall. It is 300.\n\nElm\nIt is 90.",
        "the oak\n\nThe text says: It is 90. It is 300.",
    )


def test_a_supporting_sentence_that_is_not_there_says_nothing():
    facts = {"title": ["Elm", "Oak", "Ash"], "sent_id": [5, -1, 0]}
    assert mapped({**HOPS, "supporting_facts": facts}, HOTPOT).output == "the oak"
    assert mapped({**HOPS, "supporting_facts": {"title": [], "sent_id": []}}, HOTPOT).output == "the oak"


def test_what_is_not_answerable_rests_on_nothing():
    assert mapped({**HOPS, "is_impossible": True}, HOTPOT).output == NOT_ANSWERABLE


# What is no row --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "options", "expected"),
    [
        ("x", Options(), Reason.NOT_AN_OBJECT),
        ({}, Options(), Reason.MISSING_FIELD),
        ({"question": "?", "answers": []}, Options(), Reason.MISSING_FIELD),
        ({"question": "?", "context": "x"}, Options(), Reason.MISSING_FIELD),
        ({**OWL, "question": None}, Options(), Reason.EMPTY_INSTRUCTION),
        ({**OWL, "question": 3}, Options(), Reason.WRONG_TYPE),
        ({**OWL, "context": " "}, Options(), Reason.MISSING_FIELD),
        ({**OWL, "context": ["Owls"]}, Options(), Reason.WRONG_TYPE),
        ({**OWL, "answers": {"text": "at night"}}, Options(), Reason.WRONG_TYPE),
        ({**OWL, "answers": [3]}, Options(), Reason.WRONG_TYPE),
        ({**ASKED, "passages": {"passage_text": []}}, MARCO, Reason.MISSING_FIELD),
        ({**ASKED, "passages": {"passage_text": [None]}}, MARCO, Reason.WRONG_TYPE),
        ({**ASKED, "passages": {"passage_text": "x"}}, MARCO, Reason.WRONG_TYPE),
        ({**HOPS, "context": {"title": ["Oak"], "sentences": []}}, HOTPOT, Reason.WRONG_TYPE),
        ({**HOPS, "context": {"sentences": [["x"]]}}, HOTPOT, Reason.WRONG_TYPE),
        ({**HOPS, "context": {"title": ["x"], "sentences": [[1]]}}, HOTPOT, Reason.WRONG_TYPE),
        ({**HOPS, "supporting_facts": None}, HOTPOT, Reason.WRONG_TYPE),
        ({**HOPS, "supporting_facts": {"title": ["Oak"], "sent_id": ["0"]}}, HOTPOT, Reason.WRONG_TYPE),
        ({**HOPS, "supporting_facts": {"title": ["Oak"]}}, HOTPOT, Reason.WRONG_TYPE),
        ({name: HOPS[name] for name in ("question", "answer", "context")}, HOTPOT, Reason.MISSING_FIELD),
    ],
)
def test_what_does_not_fit_is_rejected_for_its_reason(item, options, expected):
    assert reason(item, options) is expected


FIELDS = ("question", "query", "context", "answers", "answer", "passages", "text", "data", "paragraphs", "qas", "title")
FIELDS += ("sentences", "sent_id", "passage_text", "supporting_facts", "is_impossible", "wellFormedAnswers")
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS) | st.text(), inner, max_size=6),
    max_leaves=15,
)
HALF_RIGHT = st.fixed_dictionaries(
    {
        "question": st.text(),
        "query": st.text(),
        "passages": JUNK,
        "answers": JUNK,
        "answer": st.text(),
        "supporting_facts": JUNK,
    },
    optional={
        "context": st.fixed_dictionaries({"title": JUNK, "sentences": JUNK}) | st.text(),
        "data": JUNK,
        "qas": JUNK,
    },
)


@pytest.mark.parametrize("options", [Options(), MARCO, HOTPOT])
@given(records=st.lists(JUNK | HALF_RIGHT, max_size=3))
def test_junk_never_raises(records, options):
    for item in items(records, options):
        found = map_item(item, options)
        assert isinstance(found, Row) or (found.reason in Reason and found.detail)


def test_what_is_nested_too_deep_to_show_is_rejected():
    deep = []
    for _ in range(5000):
        deep = [deep]
    assert reason({**OWL, "answers": {"text": deep[0], "x": deep}}) is Reason.WRONG_TYPE
    assert reason({**OWL, "context": deep}) is Reason.WRONG_TYPE


# Real rows and the bundled ones ----------------------------------------------------------------------------------


@pytest.mark.skipif(not (REAL / "xquad_squad_format").exists(), reason="the real rows are not part of the repository")
def test_real_rows_in_the_form_of_squad_lose_and_gain_no_text():
    whole = orjson.loads((REAL / "xquad_squad_format" / "xquad.en.json").read_bytes())
    rows = [mapped(item) for item in items([whole], Options())]
    expected = [
        Row(qa["question"].strip(), paragraph["context"].strip(), qa["answers"][0]["text"].strip())
        for article in whole["data"]
        for paragraph in article["paragraphs"]
        for qa in paragraph["qas"]
    ]
    assert rows == expected
    assert len(rows) == 1190


SAMPLES = [
    ("squad_v2", {Reason.EMPTY_INSTRUCTION: 1, Reason.MISSING_FIELD: 1, Reason.WRONG_TYPE: 1}, 6),
    ("ms_marco", {Reason.EMPTY_OUTPUT: 2, Reason.MISSING_FIELD: 1}, 3),
    ("hotpot_qa", {Reason.EMPTY_OUTPUT: 1, Reason.MISSING_FIELD: 1, Reason.WRONG_TYPE: 1}, 0),
]


@pytest.mark.parametrize(("key", "rejects", "unanswerable"), SAMPLES)
def test_the_bundled_rows_map_but_for_the_odd_ones(key, rejects, unanswerable):
    options = params.load(FAMILY.options, "options", SOURCES / key / "source.yaml")
    records = [orjson.loads(line) for line in (SOURCES / key / "sample.jsonl").read_bytes().splitlines()]
    found = [FAMILY.map(item, options) for item in items(records, options)]
    assert len(found) == 28
    assert Counter(each.reason for each in found if isinstance(each, Reject)) == rejects
    assert sum(isinstance(each, Row) and each.output == NOT_ANSWERABLE for each in found) == unanswerable
