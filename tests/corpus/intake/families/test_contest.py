"""Problems of programming contests with the first correct solution in the wanted language."""

import ast

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.corpus.intake.families.contest import FAMILY, Language, Options, Schema, map_item
from stages.corpus.rows.row import Reject, Row
from tests.corpus.intake.families import mapping
from tests.corpus.intake.families.mapping import DEEP, JUNK, rejected


def apps(solutions, question="Add two numbers.\n\n-----Input-----\na b\n", starter="", **options):
    packed = solutions if isinstance(solutions, str) else orjson.dumps(solutions).decode()
    record = {"problem_id": 1, "question": question, "solutions": packed, "starter_code": starter, "input_output": ""}
    return map_item(record, Options(Schema.APPS, **options))


def contests(*solutions, description="Add.", language=Language.PYTHON3):
    record = {
        "description": description,
        "solutions": {"language": [number for number, _ in solutions], "solution": [text for _, text in solutions]},
        "incorrect_solutions": {"language": [3], "solution": ["print(0)"]},
    }
    return map_item(record, Options(Schema.CODE_CONTESTS, language))


# APPS --------------------------------------------------------------------------------------------------------


def test_the_problem_is_kept_whole_and_asks_for_the_language():
    row = apps(["print(sum(map(int, input().split())))\n", "print(1)"])
    assert row == Row(
        "Add two numbers.\n\n-----Input-----\na b\n\nWrite a program in Python 3 that solves this.",
        "",
        "print(sum(map(int, input().split())))",
    )


def test_the_code_to_begin_with_is_the_input():
    row = apps(["def f(a):\n    return a\n"], starter="def f(a):\n\t")
    assert row.input == "def f(a):"
    assert row.instruction.endswith("Write it in Python 3 and begin with the given code.")


def test_solutions_in_python_2_and_empty_ones_are_passed_over():
    assert apps(["print 1", "", "def f(:", "print(2)"]).output == "print(2)"


@pytest.mark.parametrize(
    ("solutions", "reason"),
    [
        ("", "empty_output"),
        ("[", "not_json"),
        ("{}", "wrong_type"),
        ("[1]", "wrong_type"),
        ([], "no_solution_in_language"),
        (["print 1"], "no_solution_in_language"),
        (["\x00"], "no_solution_in_language"),
        (["(" * 5000], "no_solution_in_language"),
    ],
)
def test_a_problem_without_a_solution_in_python_3_says_so(solutions, reason):
    assert rejected(apps(solutions)) == reason


def test_all_solutions_of_apps_are_python():
    assert rejected(apps(["print(1)"], language=Language.CPP)) == "no_solution_in_language"


def test_a_problem_that_says_nothing_is_rejected():
    assert rejected(apps(["print(1)"], question=" ")) == "empty_instruction"
    assert rejected(contests((3, "print(1)"), description="")) == "empty_instruction"


# code_contests -----------------------------------------------------------------------------------------------


def test_the_first_solution_in_the_wanted_language_is_taken():
    row = contests((2, "int main() {}"), (1, "print 1"), (3, " print(1)\n"), (3, "print(2)"))
    assert row == Row("Add.\n\nWrite a program in Python 3 that solves this.", "", "print(1)")


@pytest.mark.parametrize(
    ("language", "output", "spoken"),
    [("python", "p2", "Python 2"), ("cpp", "c", "C++"), ("java", "j", "Java"), ("python3", "p3", "Python 3")],
)
def test_languages_are_numbered(language, output, spoken):
    row = contests((0, "?"), (4, "j"), (2, "c"), (3, "p3"), (1, "p2"), language=Language(language))
    assert row.output == output
    assert f"a program in {spoken} that" in row.instruction


def test_wrong_solutions_are_never_taken():
    assert rejected(contests((2, "int main() {}"))) == "no_solution_in_language"
    assert rejected(contests()) == "no_solution_in_language"


@pytest.mark.parametrize(
    "solutions",
    [None, [], DEEP, {}, {"language": [3]}, {"language": [3], "solution": []}, {"language": 3, "solution": "x"}],
)
def test_solutions_of_another_form_are_rejected(solutions):
    record = {"description": "d", "solutions": solutions}
    assert rejected(map_item(record, Options(Schema.CODE_CONTESTS))) == "wrong_type"


def test_a_record_of_another_schema_is_rejected():
    assert rejected(map_item({"question": "q"}, Options(Schema.CODE_CONTESTS))) == "missing_field"
    assert rejected(map_item({"description": "d"}, Options())) == "missing_field"
    assert rejected(map_item(None, Options())) == "not_an_object"


# Both --------------------------------------------------------------------------------------------------------


@given(JUNK, st.text(max_size=20))
def test_junk_never_raises(junk, text):
    for schema in Schema:
        for item in (
            junk,
            {"question": "q", "solutions": junk, "starter_code": junk},
            {"question": "q", "solutions": text},
            {"description": "d", "solutions": junk},
            {"description": "d", "solutions": {"language": [junk, 3], "solution": [text, junk]}},
        ):
            assert isinstance(map_item(item, Options(schema)), Row | Reject)


@pytest.mark.parametrize(
    ("key", "counts"),
    [
        ("apps", {"kept": 25, "empty_output": 1, "no_solution_in_language": 1, "not_json": 1}),
        ("code_contests", {"kept": 25, "no_solution_in_language": 2, "empty_instruction": 1}),
    ],
)
def test_the_bundled_samples_map_as_they_should(key, counts):
    assert mapping.counts(key, FAMILY) == counts


@pytest.mark.parametrize(("key", "problem"), [("apps", "question"), ("code_contests", "description")])
def test_bundled_problems_are_whole_and_their_solutions_parse(key, problem):
    for record, row in mapping.mapped(key, FAMILY):
        if isinstance(row, Row):
            assert row.instruction.startswith(record[problem].strip())
            ast.parse(row.output)


def test_the_sample_of_apps_holds_a_problem_twice_and_once_in_another_case():
    rows = mapping.rows("apps", FAMILY)
    assert len(set(rows)) == 24
    assert len({row.output for row in rows}) == 23
