"""The stage lamp_trainset: chat rows, split by category so that new rows hardly move old ones."""

import json
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from stages import lamp_trainset, params
from stages.lamp.asking import FILE
from stages.lamp.manual import manual
from stages.lamp_trainset import validation_ids

ROOT = Path(__file__).parent.parent
SECTION = (
    '{seed: 7, versions: [v1], validation_share: 0.1, system_prompt: short, short_system_prompt: "Be a lamp.",'
    ' request_template: "For: {prompt}",'
    ' follow_up_template: "For: {prompt} Now: {running}"}'
)


def rows(category, count, start=0):
    return [
        {"id": f"{category}-{n}", "prompt": f"{category} wish {n}", "category": category, "response": "{}"}
        for n in range(start, start + count)
    ]


def run(folder, given=None, section=SECTION):
    (folder / "params.yaml").write_text(f"lamp_trainset: {section}\n")
    if given is not None:
        (folder / "screened.jsonl").write_text("".join(json.dumps(row) + "\n" for row in given))
    names = {"screened": "screened.jsonl", "out": "sets/out", "params": "params.yaml"}
    arguments = [part for name, value in names.items() for part in (f"--{name}", str(folder / value))]
    return CliRunner().invoke(lamp_trainset.main, arguments)


def read(folder, name):
    return [json.loads(line) for line in (folder / "sets" / "out" / name).read_text().splitlines()]


def test_every_row_is_on_one_side_and_in_order(tmp_path):
    given = rows("a", 50) + rows("b", 30)
    result = run(tmp_path, given)
    assert result.exit_code == 0, result.stderr
    train, validation = ([row["id"] for row in read(tmp_path, name)] for name in ("train.jsonl", "val.jsonl"))
    assert sorted(train + validation) == sorted(row["id"] for row in given)
    order = [row["id"] for row in given]
    assert train == sorted(train, key=order.index) and validation == sorted(validation, key=order.index)
    assert "72 rows to train on, 8 to validate with" in result.stdout


def test_each_category_gives_its_tenth(tmp_path):
    run(tmp_path, rows("a", 50) + rows("b", 30) + rows("c", 3))
    assert Counter(row["category"] for row in read(tmp_path, "val.jsonl")) == {"a": 5, "b": 3}


def test_a_row_is_a_chat_of_three_turns_as_the_lamp_will_see_it(tmp_path):
    run(tmp_path, rows("a", 1))
    assert read(tmp_path, "train.jsonl") == [
        {
            "id": "a-0",
            "category": "a",
            "messages": [
                {"role": "system", "content": "Be a lamp."},
                {"role": "user", "content": "For: a wish 0"},
                {"role": "assistant", "content": "{}"},
            ],
        }
    ]


def test_without_a_system_prompt_a_row_is_a_chat_of_two_turns(tmp_path):
    run(tmp_path, rows("a", 1), SECTION.replace("system_prompt: short", "system_prompt: none"))
    assert [turn["role"] for turn in read(tmp_path, "train.jsonl")[0]["messages"]] == ["user", "assistant"]
    assert json.loads((tmp_path / "sets" / "out" / FILE).read_text())["system_prompt"] == ""


def test_the_full_system_prompt_is_the_manual(tmp_path):
    run(tmp_path, rows("a", 1), SECTION.replace("system_prompt: short", "system_prompt: full"))
    assert read(tmp_path, "train.jsonl")[0]["messages"][0] == {"role": "system", "content": manual()}


def test_another_system_prompt_is_refused_and_so_is_a_short_one_without_words(tmp_path):
    result = run(tmp_path, rows("a", 1), SECTION.replace("system_prompt: short", "system_prompt: long"))
    assert result.exit_code == 2 and result.stderr.count("\n") == 1
    assert "system_prompt: input should be 'full', 'short' or 'none', got 'long'" in result.stderr
    result = run(tmp_path, rows("a", 1), SECTION.replace("Be a lamp.", " "))
    assert result.exit_code == 2 and "short_system_prompt: empty; write one" in result.stderr


def test_the_default_prompt_is_the_short_line():
    knobs = params.load(lamp_trainset.Params, "lamp_trainset", ROOT / "params.yaml")
    assert lamp_trainset.system_prompt(knobs) == "You are a lamp."


def test_a_follow_up_is_put_with_the_program_that_is_running(tmp_path):
    run(tmp_path, [{**rows("a", 1)[0], "running": '{"program":1}'}])
    assert read(tmp_path, "train.jsonl")[0]["messages"][1]["content"] == 'For: a wish 0 Now: {"program":1}'


def test_only_the_wanted_versions_are_trained_on_and_rows_without_one_always_are(tmp_path):
    given = [{**row, "version": version} for row, version in zip(rows("a", 4), ("v1", "v2", "v1", "v2"), strict=True)]
    run(tmp_path, given + rows("b", 2))
    assert [row["id"] for row in read(tmp_path, "train.jsonl")] == ["a-0", "a-2", "b-0", "b-1"]
    run(tmp_path, given, SECTION.replace("[v1]", "[v1, v2]"))
    assert len(read(tmp_path, "train.jsonl")) == 4
    result = run(tmp_path, given, SECTION.replace("[v1]", "[v3]"))
    assert result.exit_code == 2 and "no rows of v3 were kept; see lamp_trainset.versions" in result.stderr


def test_no_version_at_all_is_refused(tmp_path):
    result = run(tmp_path, rows("a", 1), SECTION.replace("[v1]", "[]"))
    assert result.exit_code == 2 and result.stderr.count("\n") == 1
    assert "lamp_trainset.versions: none; take [v1], [v2] or [v1, v2]" in result.stderr


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5])
def test_a_share_that_leaves_a_side_empty_is_refused(tmp_path, share):
    result = run(tmp_path, rows("a", 9), SECTION.replace("validation_share: 0.1", f"validation_share: {share}"))
    assert result.exit_code == 2 and f"lamp_trainset.validation_share: {float(share)} is not between" in result.stderr
    assert not (tmp_path / "sets").exists()


def test_follow_ups_over_running_programs_are_split_by_their_own_ids(tmp_path):
    given = [{**row, "id": f"{row['id']}-running1", "running": "{}"} for row in rows("a", 100)]
    run(tmp_path, rows("a", 100) + given)
    chosen = [row["id"] for row in read(tmp_path, "val.jsonl")]
    assert len(chosen) == 20 and 0 < sum(identity.endswith("running1") for identity in chosen) < 20


@pytest.mark.parametrize("lost", ["{prompt}", "{running}"])
def test_a_follow_up_template_without_its_parts_is_refused(tmp_path, lost):
    broken = SECTION.replace("For: {prompt} Now: {running}", "For: {prompt} Now: {running}".replace(lost, "it"))
    result = run(tmp_path, rows("a", 1), broken)
    assert result.exit_code == 2 and f"has no {lost}" in result.stderr and "follow_up_template" in result.stderr


def test_how_requests_are_put_is_kept_beside_the_rows(tmp_path):
    run(tmp_path, rows("a", 1))
    assert json.loads((tmp_path / "sets" / "out" / FILE).read_text()) == {
        "system_prompt": "Be a lamp.",
        "request_template": "For: {prompt}",
        "follow_up_template": "For: {prompt} Now: {running}",
    }
    assert {path.name for path in (tmp_path / "sets" / "out").iterdir()} == {"train.jsonl", "val.jsonl", FILE}


# The split -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("share", "wanted"), [(0.0, 0), (0.1, 10), (0.25, 25), (1.0, 100)])
def test_the_share_is_met(share, wanted):
    assert len(validation_ids(rows("a", 100), share, 7)) == wanted


def test_the_split_hangs_on_ids_and_seed_not_on_the_order():
    given = rows("a", 100)
    assert validation_ids(given, 0.1, 7) == validation_ids(given[::-1], 0.1, 7)
    assert validation_ids(given, 0.1, 7) != validation_ids(given, 0.1, 8)


def test_rows_of_another_category_move_no_row():
    before = validation_ids(rows("a", 100), 0.1, 7)
    after = validation_ids(rows("b", 77) + rows("a", 100), 0.1, 7)
    assert {identity for identity in after if identity.startswith("a-")} == before


@pytest.mark.parametrize("added", [1, 5, 20])
def test_added_rows_move_at_most_as_many_others_across_the_border(added):
    before = validation_ids(rows("a", 200), 0.1, 7)
    after = validation_ids(rows("a", 200 + added), 0.1, 7)
    old = {row["id"] for row in rows("a", 200)}
    assert len(before ^ (after & old)) <= added
    assert len(before & after) >= len(before) - added / 2, "most stay where they were"


def test_the_split_does_not_follow_the_order_of_ids():
    chosen = validation_ids(rows("a", 100), 0.2, 7)
    numbers = sorted(int(identity[2:]) for identity in chosen)
    assert numbers != list(range(20)) and numbers[-1] > 60


# Mistakes --------------------------------------------------------------------------------------------------


def test_no_rows_say_where_to_look(tmp_path):
    result = run(tmp_path, [])
    assert result.exit_code == 2 and "were kept; see lamp_trainset.versions" in result.stderr
    assert not (tmp_path / "sets").exists()


def test_a_template_without_the_request_is_refused(tmp_path):
    result = run(tmp_path, rows("a", 1), SECTION.replace('"For: {prompt}"', '"For: it"'))
    assert result.exit_code == 2 and result.stderr.count("\n") == 1
    assert "request_template: 'For: it' has no {prompt}" in result.stderr
    assert not (tmp_path / "sets").exists()


def test_a_broken_row_is_named_by_file_and_line_and_leaves_the_earlier_set_untouched(tmp_path):
    run(tmp_path, rows("a", 10))
    before = {path.name: path.read_bytes() for path in (tmp_path / "sets" / "out").iterdir()}
    with (tmp_path / "screened.jsonl").open("a") as file:
        file.write('{"id": 5}\n')
    result = run(tmp_path)
    assert result.exit_code == 2 and "screened.jsonl:11: the row has no prompt, category" in result.stderr
    assert {path.name: path.read_bytes() for path in (tmp_path / "sets" / "out").iterdir()} == before


def test_a_run_killed_while_writing_leaves_the_earlier_set_untouched_and_nothing_else(tmp_path, monkeypatch):
    run(tmp_path, rows("a", 10))
    before = {path.name: path.read_bytes() for path in (tmp_path / "sets" / "out").iterdir()}
    real = lamp_trainset.chat_row

    def killed(row, asking):
        if row["id"] == "a-5":
            raise RuntimeError("killed")
        return real(row, asking)

    monkeypatch.setattr(lamp_trainset, "chat_row", killed)
    assert isinstance(run(tmp_path, rows("a", 20)).exception, RuntimeError)
    assert {path.name: path.read_bytes() for path in (tmp_path / "sets" / "out").iterdir()} == before
    assert [path.name for path in (tmp_path / "sets").iterdir()] == ["out"]


def test_mistakes_in_the_parameters_are_reported_together(tmp_path):
    result = run(tmp_path, rows("a", 1), "{seed: x, validation_share: half, system_prompt: s, template: t}")
    assert result.exit_code == 2 and result.stderr.count("\n") == 1
    for said in ("seed: ", "validation_share: ", "request_template is missing", "template is unknown"):
        assert said in result.stderr


def test_the_repositorys_own_parameters_are_right():
    knobs = params.load(lamp_trainset.Params, "lamp_trainset", ROOT / "params.yaml")
    assert "{prompt}" in knobs.request_template and 0 < knobs.validation_share < 0.5
