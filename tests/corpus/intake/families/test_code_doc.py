"""A function from its documentation, and the rest of a file from its beginning."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.corpus.intake.families.code_doc import FAMILY, Options, Schema, map_item
from stages.corpus.rows.row import Reject, Row
from tests.corpus.intake.families import mapping
from tests.corpus.intake.families.mapping import DEEP, JUNK, lines, real, rejected

DOCUMENTED, FILE = Options(Schema.DOCUMENTED), Options(Schema.FILE)


def documented(**changes):
    record = {
        "func_name": "Ring.add",
        "func_documentation_string": " Add an item. ",
        "func_code_string": 'def add(self, item):\n        """Add an item."""\n        self.items.append(item)\n',
        "language": "python",
    }
    return map_item(record | changes, DOCUMENTED)


def file(content):
    return map_item({"content": content}, FILE)


# Documented functions ----------------------------------------------------------------------------------------


def test_the_documentation_is_the_input_and_the_whole_function_the_answer():
    assert documented() == Row(
        "Write the Python function `Ring.add` from its documentation.",
        "Add an item.",
        'def add(self, item):\n        """Add an item."""\n        self.items.append(item)',
    )


def test_other_languages_are_called_by_their_names():
    assert documented(language="javascript").instruction.startswith("Write the JavaScript function")
    assert documented(language="cobol").instruction.startswith("Write the cobol function")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"func_documentation_string": ""}, "no_documentation"),
        ({"func_documentation_string": None}, "no_documentation"),
        ({"func_code_string": ""}, "empty_output"),
        ({"func_code_string": ["def f(): pass"]}, "wrong_type"),
        ({"func_name": 1}, "wrong_type"),
        ({"language": {}}, "wrong_type"),
    ],
)
def test_a_function_without_documentation_or_code_says_so(changes, reason):
    assert rejected(documented(**changes)) == reason


def test_a_record_of_another_schema_is_rejected():
    assert rejected(map_item({"content": "x"}, DOCUMENTED)) == "missing_field"
    assert rejected(map_item({"code": "x"}, FILE)) == "missing_field"
    assert rejected(map_item("x", FILE)) == "not_an_object"


# Files -------------------------------------------------------------------------------------------------------


def test_a_file_is_cut_where_its_last_function_begins():
    row = file("import os\n\n\ndef a():\n    pass\n\n\ndef b():\n    return 1\n\n\nb()\n")
    assert row == Row(
        "Complete this Python file, beginning with the function `b`.",
        "import os\n\n\ndef a():\n    pass",
        "def b():\n    return 1\n\n\nb()",
    )


def test_the_decorators_of_a_function_belong_to_it():
    assert file("import x\n\n@x.a\n@x.b(\n    1)\ndef f():\n    pass\n").output.startswith("@x.a\n@x.b(")


def test_an_async_function_is_one():
    assert file("import x\nasync def f():\n    pass\n").output.startswith("async def f")


def test_methods_and_what_stands_in_text_are_no_boundary():
    row = file(
        'import x\ndef f():\n    return """\ndef g():\n    pass\n"""\nclass C:\n    def m(self):\n        pass\n'
    )
    assert row.output.startswith("def f():")
    assert row.output.endswith("pass")


def test_a_function_at_the_head_of_a_file_has_nothing_before_it():
    assert rejected(file("# A file.\ndef f():\n    pass\n")) == "not_splittable"
    assert file("def f():\n    pass\ndef g():\n    pass\n").input == "def f():\n    pass"


@pytest.mark.parametrize(
    "marks",
    ["<reponame>a/b<filename>c.py<gh_stars>10-100\n", "<gh_stars>0\n", "<filename>c.py\n", "<reponame>a/b\n", ""],
)
def test_the_marks_of_starcoder_go(marks):
    assert file(f"{marks}import x\ndef f():\n    return '<filename>'\n") == Row(
        "Complete this Python file, beginning with the function `f`.", "import x", "def f():\n    return '<filename>'"
    )


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_line_ends_become_line_feeds(end):
    row = file(end.join(["import x", "", "def f():", "    return 1", ""]))
    assert (row.input, row.output) == ("import x", "def f():\n    return 1")


def test_signs_that_only_some_call_line_ends_do_not_move_the_cut():
    content = "a = 'x\u2028y\x0b\x85'\n\x0c\ndef f():\n    return a\n"
    assert file(content).output == "def f():\n    return a"


def test_a_byte_order_mark_is_no_text():
    assert file("\ufeffimport x\ndef f():\n    pass\n").input == "import x"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "empty_output"),
        ("<filename>a.py\n", "empty_output"),
        (None, "empty_output"),
        ("import x\nx()\n", "not_splittable"),
        ("class C:\n    def m(self):\n        pass\n", "not_splittable"),
        ("import x\ndef f():\n    print 'Python 2'\n", "not_splittable"),
        ("import x\ndef f(:\n", "not_splittable"),
        ("import x\ndef f(): pass\n\x00", "not_splittable"),
        ("import x\ndef f(): return '\ud800'\n", "not_splittable"),
        (f"import x\ndef f(): return {'(' * 5000}{')' * 5000}\n", "not_splittable"),
        (f"import x\ndef f(): return {'-' * 50000}1\n", "not_splittable"),
        (["import x"], "wrong_type"),
    ],
)
def test_what_cannot_be_cut_says_why(content, reason):
    assert rejected(file(content)) == reason


def test_an_escape_that_python_warns_of_warns_nobody(recwarn):
    assert file("import re\ndef f():\n    return re.compile('\\d')\n").output.startswith("def f")
    assert not recwarn.list


def test_real_functions_are_cut_off_their_imports_without_loss():
    problems = lines(real("humaneval", "HumanEval.jsonl"))
    whole = [problem["prompt"] + problem["canonical_solution"] for problem in problems]
    kept = 0
    for content in whole:
        row = file(content)
        body = ast.parse(content).body
        if isinstance(row, Row):
            kept += 1
            assert "".join((row.input + row.output).split()) == "".join(content.split())
            assert row.output.startswith("def ")
        else:
            assert rejected(row) == "not_splittable"
            assert len(body) == 1
    assert kept == sum(len(ast.parse(content).body) > 1 for content in whole)


# Both --------------------------------------------------------------------------------------------------------


@given(JUNK, st.text(alphabet="def f():\n\t@x'\"\\#<>\r\x00", max_size=60))
def test_junk_never_raises(junk, content):
    for options in (DOCUMENTED, FILE):
        for item in (
            junk,
            {"content": junk},
            {"func_documentation_string": "d", "func_code_string": "c", "func_name": junk},
        ):
            assert isinstance(map_item(item, options), Row | Reject)
    assert isinstance(file(f"import x\ndef f():\n{content}"), Row | Reject)


def test_a_deep_value_in_a_field_that_is_not_read_harms_nothing():
    assert isinstance(documented(func_code_tokens=DEEP), Row)


@pytest.mark.parametrize(
    ("key", "counts"),
    [
        ("codesearchnet", {"kept": 25, "no_documentation": 2, "empty_output": 1}),
        ("the_stack", {"kept": 24, "not_splittable": 3, "empty_output": 1}),
        ("starcoder", {"kept": 24, "not_splittable": 3, "empty_output": 1}),
    ],
)
def test_the_bundled_samples_map_as_they_should(key, counts):
    assert mapping.counts(key, FAMILY) == counts


@pytest.mark.parametrize("key", ["the_stack", "starcoder"])
def test_both_sides_of_a_bundled_file_parse_and_are_the_file(key):
    for record, row in mapping.mapped(key, FAMILY):
        if isinstance(row, Row):
            assert "".join(record["content"].lstrip("\ufeff").split()).endswith(
                "".join((row.input + row.output).split())
            )
            assert "<gh_stars>" not in row.input
            for side in (row.input, row.output):
                ast.parse(side)


def test_the_sample_of_codesearchnet_holds_a_function_twice_and_once_with_other_blanks():
    rows = mapping.rows("codesearchnet", FAMILY)
    assert len(set(rows)) == 24
    assert len({row.output for row in rows}) == 23
