"""Plain calls: bounded in number, and honest about what a lost connection or a kill may have cost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml

from stages.errors import UserError
from stages.lamp.teachers.answer_store import opened, peek
from stages.lamp.teachers.anthropic_teacher import answers
from stages.lamp.teachers.ledger import Ledger
from tests.lamp.teachers.stand_in import KEY, Fault, StandIn, serving

ROOT = Path(__file__).parents[3]


def test_there_are_never_more_calls_out_than_allowed_and_as_many_as_that(stand_in, knobs, rows):
    out, most = 0, 0
    lock = threading.Lock()
    three = threading.Barrier(3)

    def watch(event):
        nonlocal out, most
        if event != "before messages":
            return
        with lock:
            out += 1
            most = max(most, out)
        three.wait(timeout=20)  # goes on only when three calls are out at once
        with lock:
            out -= 1

    stand_in.watch = watch
    assert len(list(answers(rows(9), knobs(mode="plain", concurrency=3)))) == 9
    assert most == 3


def test_a_busy_or_failing_server_is_asked_again_and_nothing_is_paid_twice(stand_in, knobs, rows):
    faults = {1: Fault(status=429, retry_after="0.01"), 3: Fault(status=529), 5: Fault(status=500)}
    stand_in.fault = lambda kind, number: faults.get(number)
    assert len(list(answers(rows(6), knobs(mode="plain")))) == 6
    assert stand_in.paid().total() == 6 and stand_in.requests["messages"] == 9
    with opened(knobs().store_folder) as store:
        assert store.spent_usd == pytest.approx(sum(answer.usd for answer in peek(knobs().store_folder).values()))


@pytest.mark.parametrize("fault", [Fault(cut=True, done=True), Fault(stall_s=5.0, done=True)], ids=["cut", "stall"])
def test_an_answer_that_is_lost_on_the_way_is_asked_again_and_counted_as_paid(stand_in, knobs, rows, fault):
    stand_in.fault = lambda kind, number: fault if number == 2 else None
    assert len(list(answers(rows(3), knobs(mode="plain", timeout_s=0.5)))) == 3
    assert sorted(stand_in.paid().values()) == [1, 1, 2]
    book = Ledger(knobs().store_folder / "ledger.jsonl")
    paid_twice = max(answer.usd for answer in peek(knobs().store_folder).values())
    assert book.extra_usd() > paid_twice


def test_a_call_that_fails_to_the_end_is_made_again_later_and_then_told(stand_in, knobs, rows):
    stand_in.fault = lambda kind, number: Fault(status=500)
    with pytest.raises(UserError, match=r"2 requests came back without an answer 3 times .*500"):
        list(answers(rows(2), knobs(mode="plain", retries=0)))
    assert stand_in.requests["messages"] == 6
    with opened(knobs().store_folder) as store:
        assert store.spent_usd == 0 and not store.cut_off


def test_answers_that_are_on_their_way_when_the_run_ends_are_kept(stand_in, knobs, rows):
    """One call is refused for good; the others are paid for, so they are waited for and written down."""

    def fault(kind, number):
        return Fault(status=400) if number == 1 else None

    stand_in.fault = fault
    with pytest.raises(UserError, match="as scripted"):
        list(answers(rows(4), knobs(mode="plain", concurrency=4)))
    assert len(peek(knobs().store_folder)) == len(stand_in.bills) == 3


@pytest.mark.slow
def test_300_answers_and_6_kills_lose_at_most_the_calls_that_were_out(tmp_path, rows, capsys):
    kills, concurrency, count = 6, 8, 300
    process: subprocess.Popen[bytes] | None = None
    left = 0

    def watch(event):
        nonlocal left
        if event == "after messages":  # paid, and not yet answered
            left -= 1
            if left == 0 and process is not None:
                os.kill(process.pid, signal.SIGKILL)

    stand_in = StandIn(watch=watch)
    values = yaml.safe_load((ROOT / "params.yaml").read_text())["lamp_responses"]
    own = {"store": str(tmp_path / "store"), "budget_usd": 500.0, "mode": "plain", "concurrency": concurrency}
    values.update(teacher="anthropic", anthropic={**values["anthropic"], **own})
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"lamp_responses": values}))
    listed = [
        {"id": f"{n}", "prompt": f"wish {n}", "category": "toy", "meaning": {"intent": "off"}} for n in range(count)
    ]
    (tmp_path / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in listed))
    places = {name: tmp_path / f"{name}.jsonl" for name in ("prompts", "unanswered")}
    options = {**places, "out": tmp_path / "out.jsonl", "params": tmp_path / "params.yaml"}
    command = [sys.executable, "-m", "stages.lamp_responses"]
    command += [part for name, path in options.items() for part in (f"--{name}", str(path))]
    with serving(stand_in):
        environment = {**os.environ, "ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": stand_in.url}
        for kill in range(kills + 1):
            left = 41 if kill < kills else 0
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
            assert process.wait(timeout=600) == (-signal.SIGKILL if kill < kills else 0)
    stored = peek(tmp_path / "store")
    assert len(stored) == len((tmp_path / "out.jsonl").read_text().splitlines()) == count
    again = stand_in.paid().total() - count
    assert set(stand_in.paid()) and len(stand_in.paid()) == count
    assert again <= kills * concurrency
    with opened(tmp_path / "store") as store:
        counted = sum(store.cut_off.values())
        assert counted >= again * max(answer.usd for answer in stored.values())
    with capsys.disabled():
        print(
            f"\n{kills} kills with {concurrency} calls out: {again} answers paid again, ${counted:.2f} counted for them"
        )
