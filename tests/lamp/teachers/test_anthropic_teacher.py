"""The Anthropic teacher, through the real SDK: answers in order, reasons, budget, and nothing asked twice."""

from __future__ import annotations

import json

import orjson
import pytest
from click.testing import CliRunner

from stages import lamp_responses
from stages.errors import UserError
from stages.lamp import validation
from stages.lamp.teachers.answer_store import peek
from stages.lamp.teachers.anthropic_teacher import answers, program_setting
from tests.lamp.teachers.stand_in import KEY, Fault, Said, good

BOTH = pytest.mark.parametrize("mode", ["batches", "plain"])


@BOTH
def test_every_request_gets_its_own_valid_answer_in_order(stand_in, knobs, rows, mode):
    asked = rows(5)
    said = list(answers(asked, knobs(mode=mode)))
    assert [row for row, _, _ in said] == asked
    assert len({program for _, program, _ in said}) == 5
    assert all(validation.parse(program) and not reasons for _, program, reasons in said)
    stored = peek(knobs().store_folder).values()
    assert sum(answer.usd for answer in stored) > 0 and len(stored) == len(stand_in.bills) == 5


@BOTH
def test_a_second_run_asks_nothing_and_needs_neither_key_nor_network_nor_budget(
    stand_in, knobs, rows, mode, monkeypatch
):
    first = list(answers(rows(3), knobs(mode=mode)))
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    assert list(answers(rows(3), knobs(mode=mode, budget_usd=0.0))) == first
    assert list(answers(rows(3)[::-1], knobs(mode=mode, budget_usd=0.0))) == first[::-1]
    assert len(stand_in.bills) == 3


def test_answers_paid_in_one_way_count_in_the_other(stand_in, knobs, rows):
    list(answers(rows(2), knobs(mode="plain")))
    list(answers(rows(4), knobs(mode="batches")))
    assert sorted(bill.batch is None for bill in stand_in.bills) == [False, False, True, True]


def test_batches_that_are_out_are_collected_before_plain_calls_are_made(stand_in, knobs, rows, monkeypatch):
    def stopped(self):
        raise UserError("stopped")

    with monkeypatch.context() as patched:
        patched.setattr("stages.lamp.teachers.anthropic_batches.Batches.collect", stopped)
        with pytest.raises(UserError, match="stopped"):
            list(answers(rows(3), knobs()))
    assert len(list(answers(rows(4), knobs(mode="plain")))) == 4
    assert sorted(bill.batch is None for bill in stand_in.bills) == [False, False, False, True]


@BOTH
def test_the_same_request_twice_is_paid_once(stand_in, knobs, rows, mode):
    [first, second] = answers([rows(1)[0], {**rows(1)[0], "id": "another"}], knobs(mode=mode))
    assert first[1] == second[1] and len(stand_in.bills) == 1


@BOTH
@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (Said("Here is your program!"), "not-json"),
        (Said('{"program": {"name": "x", "steps": []}}'), "empty"),
        (Said("", "refusal"), "the model refused to answer"),
        (Said('{"program": {"na', "max_tokens"), "the answer was cut off"),
        (Said(""), "the answer is empty"),
        (Said(good([]).text.replace('"name":"', '"name":"' + "x" * 40, 1)), "a name of 48 characters"),
    ],
    ids=["no JSON", "invalid", "refusal", "truncated", "empty", "out of bounds"],
)
def test_an_answer_of_no_use_is_asked_again_with_the_reason(stand_in, knobs, rows, mode, wrong, reason):
    def answer(messages):
        if "Attempt 2" in messages[-1]["content"]:
            assert reason in messages[-1]["content"]
            return good(messages)
        return wrong

    stand_in.answer = answer
    [(_, program, reasons)] = answers(rows(1), knobs(mode=mode))
    assert validation.parse(program) and reasons == []
    assert len(stand_in.bills) == len(peek(knobs().store_folder)) == 2


@BOTH
def test_after_the_last_attempt_the_request_is_left_with_all_reasons_and_not_asked_again(stand_in, knobs, rows, mode):
    stand_in.answer = lambda messages: Said("no") if "wish 1" in messages[0]["content"] else good(messages)
    for _ in range(2):
        said = list(answers(rows(3), knobs(mode=mode)))
        assert [program is None for _, program, _ in said] == [False, True, False]
        assert len(said[1][2]) == 3 and all("not-json" in reason for reason in said[1][2])
        assert len(stand_in.bills) == 2 + 3


def test_an_answer_in_another_form_is_kept_as_it_came_and_given_compactly(stand_in, knobs, rows):
    stand_in.answer = lambda messages: Said(json.dumps(json.loads(good(messages).text), indent=2))
    [(_, program, _)] = answers(rows(1), knobs())
    [stored] = peek(knobs().store_folder).values()
    assert "\n" in stored.text and orjson.loads(stored.text) == orjson.loads(program)
    assert program == orjson.dumps(orjson.loads(program)).decode()


@BOTH
@pytest.mark.parametrize("budget", [0.0, -1.0, 0.001])
def test_a_budget_below_the_next_call_sends_nothing_and_says_so_in_one_line(stand_in, knobs, rows, mode, budget):
    with pytest.raises(UserError, match=r"budget_usd is .*, \$0\.00 is spent, and the next call may cost") as caught:
        list(answers(rows(2), knobs(mode=mode, budget_usd=budget)))
    assert "\n" not in str(caught.value) and "lampforge cost" in str(caught.value)
    assert not stand_in.bills and not stand_in.batches


@BOTH
def test_a_budget_that_runs_out_stops_before_it_is_passed_and_loses_nothing(stand_in, knobs, rows, mode):
    limit = {"batches": 0.12, "plain": 0.3}[mode]  # a call costs 0.002 or more and is bounded by 0.09 or 0.2
    with pytest.raises(UserError, match="nothing is lost"):
        list(answers(rows(60), knobs(mode=mode, budget_usd=limit, concurrency=3)))
    stored = peek(knobs().store_folder)
    assert 1 < len(stored) == len(stand_in.bills) < 60
    assert sum(answer.usd for answer in stored.values()) < limit
    list(answers(rows(60), knobs(mode=mode)))
    assert stand_in.paid().total() == 60


def test_what_earlier_runs_have_spent_counts(stand_in, knobs, rows):
    list(answers(rows(3), knobs()))
    spent = sum(answer.usd for answer in peek(knobs().store_folder).values())
    bound = program_setting(knobs()).most_usd
    with pytest.raises(UserError, match="nothing is lost"):
        list(answers(rows(4), knobs(budget_usd=spent + 0.01)))
    assert bound and len(stand_in.bills) == 3


def test_a_model_without_a_price_is_refused_before_anything_is_sent(stand_in, knobs, rows):
    with pytest.raises(UserError, match="no price for model 'claude-x'"):
        list(answers(rows(1), knobs(model="claude-x")))
    assert not stand_in.requests


def test_no_key_is_one_line(knobs, rows, monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    with pytest.raises(UserError, match="ANTHROPIC_API_KEY is not set"):
        list(answers(rows(1), knobs()))


@pytest.mark.parametrize("status", [400, 401, 413])
@BOTH
def test_what_the_api_refuses_ends_the_run_with_what_it_says(stand_in, knobs, rows, mode, status):
    stand_in.fault = lambda kind, number: Fault(status=status)
    with pytest.raises(UserError, match="as scripted") as caught:
        list(answers(rows(2), knobs(mode=mode)))
    assert "\n" not in str(caught.value) and not stand_in.bills
    stand_in.fault = lambda kind, number: None
    assert len(list(answers(rows(2), knobs(mode=mode)))) == 2


def test_the_key_is_written_nowhere(stand_in, knobs, rows, capsys):
    list(answers(rows(2), knobs()))
    files = [path for path in knobs().store_folder.rglob("*") if path.is_file()]
    assert len(files) == 2 + 3  # answers; settings, ledger, lock
    assert not [path for path in files if KEY.encode() in path.read_bytes()]
    assert KEY not in "".join(capsys.readouterr())


def test_progress_is_told_with_what_is_spent(stand_in, knobs, rows, capsys):
    list(answers(rows(3), knobs(batch_size=2)))
    told = capsys.readouterr().err
    assert "batch msgbatch_0001: 2 requests sent" in told and "batch msgbatch_0002: 1 succeeded" in told
    assert "of $50.00 spent; the answers are in" in told


def stage(folder, **changes):
    import yaml

    values = yaml.safe_load((lamp_responses_root() / "params.yaml").read_text())["lamp_responses"]
    quick = {"store": str(folder / "store"), "poll_s": 0.005, "settle_s": 0.1}
    values.update(teacher="anthropic", anthropic={**values["anthropic"], **quick, **changes})
    (folder / "params.yaml").write_text(yaml.safe_dump({"lamp_responses": values}))
    places = {name: folder / f"{name}.jsonl" for name in ("prompts", "unanswered")}
    options = {**places, "out": folder / "responses.jsonl", "params": folder / "params.yaml"}
    arguments = [part for name, path in options.items() for part in (f"--{name}", str(path))]
    return CliRunner().invoke(lamp_responses.main, arguments)


def lamp_responses_root():
    from pathlib import Path

    return Path(lamp_responses.__file__).parents[1]


def written(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_stage_writes_answers_in_order_and_the_others_beside_them_with_reasons(stand_in, rows, tmp_path):
    (tmp_path / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows(4)))
    stand_in.answer = lambda messages: Said("", "refusal") if "wish 2" in messages[0]["content"] else good(messages)
    result = stage(tmp_path, budget_usd=5.0)
    assert result.exit_code == 0, result.stderr
    assert "3 answers by anthropic, 1 requests unanswered" in result.stdout
    assert [row["id"] for row in written(tmp_path / "responses.jsonl")] == ["toy-0", "toy-1", "toy-3"]
    assert all(validation.parse(row["response"]) for row in written(tmp_path / "responses.jsonl"))
    [left] = written(tmp_path / "unanswered.jsonl")
    assert left["id"] == "toy-2" and left["reasons"] == ["the model refused to answer"] * 3
    before = (tmp_path / "responses.jsonl").read_bytes()
    assert stage(tmp_path, budget_usd=0).exit_code == 0
    assert (tmp_path / "responses.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "key", "line"),
    [
        ({"budget_usd": 0}, "sk-stand-in", "lamp_responses.anthropic.budget_usd is 0, $0.00 is spent"),
        ({"budget_usd": 5}, "", "ANTHROPIC_API_KEY is not set"),
        ({"budget_usd": 5, "model": "claude-x"}, "sk-stand-in", "no price for model 'claude-x'"),
        ({"budget_usd": 5}, "sk-wrong", "refused the key in ANTHROPIC_API_KEY (401: invalid x-api-key)"),
    ],
    ids=["no budget", "no key", "no price", "wrong key"],
)
def test_a_users_mistake_is_one_line_and_exit_code_2(stand_in, rows, tmp_path, monkeypatch, changes, key, line):
    monkeypatch.setenv("ANTHROPIC_API_KEY", key)
    (tmp_path / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows(2)))
    result = stage(tmp_path, **changes)
    assert result.exit_code == 2
    [error] = result.stderr.splitlines()
    assert error.startswith("error: ") and line in error
    assert not (tmp_path / "responses.jsonl").exists() and not stand_in.bills
