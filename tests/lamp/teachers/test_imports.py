"""Answers that exist already are taken as they are."""

import json

import pytest

from stages.errors import UserError
from stages.lamp.teachers import imports


def taken(tmp_path, *rows):
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return list(imports.answers(path))


def row(prompt="a star", response="{}", **more):
    return {"prompt": prompt, "category": "render", "response": response, **more}


def test_an_answer_is_not_touched_even_when_it_is_no_program(tmp_path):
    [taken_row] = taken(tmp_path, row(response='  {"program" : oops '))
    assert taken_row["response"] == '  {"program" : oops '


def test_a_row_has_id_prompt_category_and_response_and_nothing_else(tmp_path):
    [taken_row] = taken(tmp_path, row(model="large", id="own"))
    assert list(taken_row) == ["id", "prompt", "category", "response"]
    assert (taken_row["prompt"], taken_row["category"]) == ("a star", "render")


def test_an_id_hangs_on_the_prompt_and_not_on_the_place(tmp_path):
    first, second = taken(tmp_path, row("a star"), row("a house"))
    assert [again["id"] for again in taken(tmp_path, row("a house"), row("a star", "other"))] == [
        second["id"],
        first["id"],
    ]
    assert first["id"] != second["id"] and first["id"].startswith("import-")


def test_a_program_written_as_json_becomes_a_string_of_it(tmp_path):
    [taken_row] = taken(tmp_path, row(response={"program": {"name": "x"}}))
    assert taken_row["response"] == '{"program":{"name":"x"}}'


@pytest.mark.parametrize("key", ["prompt", "category", "response"])
def test_a_row_that_lacks_a_key_is_named_by_file_and_line(tmp_path, key):
    lacking = {name: part for name, part in row().items() if name != key}
    with pytest.raises(UserError, match=rf"answers\.jsonl:2: the row has no {key}"):
        taken(tmp_path, row(), lacking)


def test_the_bundled_answers_can_be_taken(seed_folder):
    rows = list(imports.answers(seed_folder / "imported_answers.jsonl"))
    assert len({one["id"] for one in rows}) == len(rows) >= 3
