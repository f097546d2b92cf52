"""The stage lamp_responses: one answer per request in order, or existing answers as they are."""

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from stages import lamp_responses, params
from stages.lamp.teachers.rule_based import RuleBased
from stages.lamp.validation import parse

ROOT = Path(__file__).parent.parent
SEED = ROOT / "data" / "seed"
MEANINGS = [
    {"intent": "picture", "object": "star", "colors": ["#FF0000"]},
    {"intent": "mood", "mood": "calm"},
    {"intent": "off"},
]
REQUESTS = [
    {"id": f"toy-{n}", "prompt": f"wish {n}", "category": "toy", "meaning": meaning}
    for n, meaning in enumerate(MEANINGS)
]


def lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def run(folder, teacher="rule_based", seed=7, requests=REQUESTS):
    section = yaml.safe_load((ROOT / "params.yaml").read_text())["lamp_responses"]
    section.update(teacher=teacher, seed=seed, import_file=str(folder / "answers.jsonl"))
    (folder / "params.yaml").write_text(yaml.safe_dump({"lamp_responses": section}))
    if requests is not None:
        lines(folder / "prompts.jsonl", requests)
    options = {"seed-folder": SEED, "prompts": folder / "prompts.jsonl", "out": folder / "out" / "r.jsonl"}
    options.update({"unanswered": folder / "out" / "left.jsonl", "params": folder / "params.yaml"})
    arguments = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    return CliRunner().invoke(lamp_responses.main, arguments)


def read(folder):
    return [json.loads(line) for line in (folder / "out" / "r.jsonl").read_text().splitlines()]


def test_there_is_one_answer_per_request_in_order_with_the_requests_meaning(tmp_path):
    result = run(tmp_path)
    assert result.exit_code == 0, result.stderr
    assert "3 answers by rule_based" in result.stdout
    rows = read(tmp_path)
    assert [{**row, "response": None} for row in rows] == [{**row, "response": None} for row in REQUESTS]
    for row in rows:
        assert list(row) == ["id", "prompt", "category", "meaning", "response"]
        assert parse(row["response"])["program"]["steps"]


def test_the_rules_leave_no_request_unanswered(tmp_path):
    run(tmp_path)
    assert (tmp_path / "out" / "left.jsonl").read_text() == ""


def test_an_answer_does_not_change_with_its_place_or_its_neighbours(tmp_path):
    run(tmp_path)
    forwards = {row["id"]: row for row in read(tmp_path)}
    run(tmp_path, requests=REQUESTS[:0:-1])
    assert {row["id"]: row for row in read(tmp_path)} == {
        identity: row for identity, row in forwards.items() if identity != "toy-0"
    }


def test_the_seed_is_the_teachers(tmp_path):
    many = [{**REQUESTS[1], "id": f"toy-{n}"} for n in range(20)]
    run(tmp_path, requests=many)
    first = (tmp_path / "out" / "r.jsonl").read_bytes()
    run(tmp_path, requests=many)
    assert (tmp_path / "out" / "r.jsonl").read_bytes() == first
    run(tmp_path, seed=8, requests=many)
    assert (tmp_path / "out" / "r.jsonl").read_bytes() != first


def test_imported_answers_are_taken_as_they_are_and_prompts_are_not_needed(tmp_path):
    lines(tmp_path / "answers.jsonl", [{"prompt": "p", "category": "c", "response": "{ no program"}])
    result = run(tmp_path, teacher="import", requests=None)
    assert result.exit_code == 0, result.stderr
    [row] = read(tmp_path)
    assert (row["prompt"], row["category"], row["response"]) == ("p", "c", "{ no program")
    assert "meaning" not in row and "1 answers by import" in result.stdout


def test_an_import_file_that_is_not_there_is_named(tmp_path):
    result = run(tmp_path, teacher="import")
    assert result.exit_code == 2 and "answers.jsonl: no such file" in result.stderr


def test_a_teacher_that_does_not_exist_is_refused_with_those_that_do(tmp_path):
    result = run(tmp_path, teacher="oracle")
    assert result.exit_code == 2 and "teacher: " in result.stderr
    assert "'rule_based'" in result.stderr and "'import'" in result.stderr and "'oracle'" in result.stderr


def test_a_broken_row_is_named_by_file_and_line_and_leaves_the_earlier_output_untouched(tmp_path):
    run(tmp_path)
    before = (tmp_path / "out" / "r.jsonl").read_bytes()
    with (tmp_path / "prompts.jsonl").open("a") as file:
        file.write("{broken\n")
    result = run(tmp_path, requests=None)
    assert result.exit_code == 2 and result.stderr.count("\n") == 1
    assert f"{tmp_path / 'prompts.jsonl'}:4: not JSON" in result.stderr
    assert (tmp_path / "out" / "r.jsonl").read_bytes() == before
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["left.jsonl", "r.jsonl"]


@pytest.mark.parametrize("key", ["id", "prompt", "category", "meaning"])
def test_a_request_that_lacks_a_key_is_named_by_file_and_line(tmp_path, key):
    lacking = {name: part for name, part in REQUESTS[1].items() if name != key}
    result = run(tmp_path, requests=[REQUESTS[0], lacking])
    assert result.exit_code == 2 and f"prompts.jsonl:2: the row has no {key}" in result.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_a_run_killed_while_answering_leaves_no_output_and_no_temporary_file(tmp_path, monkeypatch):
    real = RuleBased.answer

    def killed(teacher, request):
        if request["id"] == "toy-2":
            raise RuntimeError("killed")
        return real(teacher, request)

    monkeypatch.setattr(RuleBased, "answer", killed)
    assert isinstance(run(tmp_path).exception, RuntimeError)
    assert list((tmp_path / "out").iterdir()) == []


def test_the_repositorys_own_parameters_are_right():
    knobs = params.load(lamp_responses.Params, "lamp_responses", ROOT / "params.yaml")
    assert knobs.teacher == "rule_based" and (ROOT / knobs.import_file).exists()
