"""Batches: every answer there once and paid once, whatever goes wrong and whenever the process is killed."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from stages.errors import UserError
from stages.lamp.teachers import answer_store, ledger
from stages.lamp.teachers.answer_store import peek
from stages.lamp.teachers.anthropic_knobs import Knobs
from stages.lamp.teachers.anthropic_teacher import answers
from tests.lamp.teachers.stand_in import KEY, Fault, Said, StandIn, good, serving

ROOT = Path(__file__).parents[3]


class Killed(BaseException):
    """Goes through every `except` as a kill does, and lets nothing tidy up that matters."""


def programs(rows: list[dict[str, Any]], knobs: Knobs) -> list[str | None]:
    return [program for _, program, _ in answers(rows, knobs)]


def everything_is_there_and_paid_once(stand_in: StandIn, knobs: Knobs, count: int) -> None:
    stored = peek(knobs.store_folder)
    assert len(stored) == count
    assert stand_in.paid() == dict.fromkeys(stored, 1)
    bills = [bill.usage for bill in stand_in.bills]
    assert sum(answer.usage.output for answer in stored.values()) == sum(bill["output_tokens"] for bill in bills)
    assert sum(answer.usage.cache_read for answer in stored.values()) == sum(
        bill["cache_read_input_tokens"] for bill in bills
    )
    book = ledger.Ledger(knobs.store_folder / "ledger.jsonl")
    assert not book.open and book.extra_usd() == 0


def test_requests_go_out_in_batches_of_the_size_that_is_set(stand_in, knobs, rows):
    assert all(programs(rows(7), knobs(batch_size=3)))
    assert [len(batch.entries) for batch in stand_in.batches.values()] == [3, 3, 1]
    everything_is_there_and_paid_once(stand_in, knobs(), 7)


def test_a_batch_is_never_larger_than_the_api_takes(stand_in, knobs, rows, monkeypatch):
    monkeypatch.setattr("stages.lamp.teachers.anthropic_batches._MOST_BYTES", 60_000)
    assert all(programs(rows(5), knobs()))
    assert [len(batch.entries) for batch in stand_in.batches.values()] == [2, 2, 1]


def test_the_system_prompt_is_written_to_the_cache_once_and_then_read(stand_in, knobs, rows):
    programs(rows(5), knobs())
    written = [bill.usage["cache_creation"]["ephemeral_1h_input_tokens"] for bill in stand_in.bills]
    assert sorted(map(bool, written)) == [False] * 4 + [True]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=500),
        Fault(status=500, done=True),
        Fault(cut=True),
        Fault(cut=True, done=True),
        Fault(stall_s=1.0),
        Fault(stall_s=1.0, done=True),
        Fault(status=529),
        Fault(status=429, retry_after="0.01"),
    ],
    ids=str,
)
def test_a_batch_that_got_no_clear_answer_is_found_or_sent_again(stand_in, knobs, rows, fault):
    stand_in.fault = lambda kind, number: fault if (kind, number) == ("create", 1) else None
    assert all(programs(rows(3), knobs(timeout_s=0.5)))
    assert len(stand_in.batches) == 1
    everything_is_there_and_paid_once(stand_in, knobs(), 3)


def test_a_batch_that_the_server_creates_late_is_waited_for(stand_in, knobs, rows):
    stand_in.fault = lambda kind, number: Fault(late_s=0.3) if (kind, number) == ("create", 1) else None
    assert all(programs(rows(3), knobs(settle_s=1.0)))
    assert len(stand_in.batches) == 1
    everything_is_there_and_paid_once(stand_in, knobs(), 3)


def test_a_foreign_batch_of_the_same_size_and_time_is_not_taken_for_ours(stand_in, knobs, rows):
    from stages.lamp.teachers.anthropic_client import connect

    params = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
    block = [{"type": "text", "text": "of somebody else"}]
    foreign = [{"custom_id": f"foreign-{n}", "params": {**params, "system": block}} for n in range(3)]
    connect(knobs()).messages.batches.create(requests=foreign)
    stand_in.fault = lambda kind, number: Fault(cut=True) if (kind, number) == ("create", 2) else None
    assert all(programs(rows(3), knobs()))
    assert len(stand_in.batches) == 2
    assert set(stand_in.paid()) - {entry["custom_id"] for entry in foreign} == set(peek(knobs().store_folder))


@pytest.mark.parametrize("event", ["before create", "after create"])
def test_a_run_killed_while_it_sends_a_batch_finds_out_whether_the_server_has_it(
    stand_in, knobs, rows, monkeypatch, event
):
    """The two windows: the intent is written and nothing sent; the server has the batch and its id is not written."""
    where = ledger.Ledger.created
    if event == "before create":
        stand_in.fault = lambda kind, number: Fault(cut=True) if (kind, number) == ("create", 1) else None
        monkeypatch.setattr("stages.lamp.teachers.anthropic_batches.Batches._settled", killed)
    else:
        monkeypatch.setattr(ledger.Ledger, "created", killed)
    with pytest.raises(Killed):
        programs(rows(3), knobs())
    assert len(stand_in.batches) == (event == "after create")
    monkeypatch.undo()
    again(monkeypatch, stand_in)
    assert ledger.Ledger.created is where
    assert all(programs(rows(3), knobs()))
    assert len(stand_in.batches) == 1
    everything_is_there_and_paid_once(stand_in, knobs(), 3)


def killed(*arguments: Any, **named: Any) -> Any:
    raise Killed


def again(monkeypatch: pytest.MonkeyPatch, stand_in: StandIn) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", stand_in.url)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)


@pytest.mark.parametrize("stored", range(4))
def test_a_run_killed_while_it_fetches_results_reads_them_again_for_nothing(stand_in, knobs, rows, monkeypatch, stored):
    put, count = answer_store.AnswerStore.put, 0

    def killed_after(*arguments: Any) -> None:
        nonlocal count
        if count == stored:
            raise Killed
        count += 1
        put(*arguments)

    monkeypatch.setattr(answer_store.AnswerStore, "put", killed_after)
    if stored == 3:  # all are there, but not written down as collected
        monkeypatch.setattr(ledger.Ledger, "collected", killed)
    with pytest.raises(Killed):
        programs(rows(3), knobs())
    assert len(peek(knobs().store_folder)) == stored
    monkeypatch.undo()
    again(monkeypatch, stand_in)
    assert all(programs(rows(3), knobs()))
    assert len(stand_in.batches) == 1
    everything_is_there_and_paid_once(stand_in, knobs(), 3)


def test_what_was_asked_is_beside_an_answer_that_another_run_had_sent_for(stand_in, knobs, rows, monkeypatch):
    monkeypatch.setattr("stages.lamp.teachers.anthropic_batches.Batches.collect", killed)
    with pytest.raises(Killed):
        programs(rows(2), knobs())
    monkeypatch.undo()
    again(monkeypatch, stand_in)
    programs(rows(2), knobs())
    records = [json.loads(path.read_text()) for path in knobs().store_folder.glob("answers/*/*.json")]
    asked = sorted(record["messages"][0]["content"].split("\n")[0] for record in records)
    assert asked == ["Wish: wish 0", "Wish: wish 1"]


def test_a_batch_of_requests_that_nobody_asks_for_any_more_is_still_collected(stand_in, knobs, rows, monkeypatch):
    monkeypatch.setattr("stages.lamp.teachers.anthropic_batches.Batches.collect", killed)
    with pytest.raises(Killed):
        programs(rows(3), knobs())
    monkeypatch.undo()
    again(monkeypatch, stand_in)
    assert all(programs(rows(4)[2:], knobs()))
    everything_is_there_and_paid_once(stand_in, knobs(), 4)


@pytest.mark.parametrize("kind", ["expired", "errored", "canceled"])
def test_an_entry_that_came_to_nothing_is_sent_again_and_has_cost_nothing(stand_in, knobs, rows, kind):
    first = []
    stand_in.entry = lambda key, messages, times: kind if times == 1 and not first.append(key) else "succeeded"
    assert all(programs(rows(3), knobs()))
    assert len(first) == 3 and len(stand_in.batches) == 2
    everything_is_there_and_paid_once(stand_in, knobs(), 3)


def test_a_batch_that_somebody_cancels_is_sent_again(stand_in, knobs, rows):
    from stages.lamp.teachers.anthropic_client import connect

    cancelled = []

    def watch(event: str) -> None:
        if event == "before retrieve" and not cancelled:
            cancelled.append(connect(knobs()).messages.batches.cancel("msgbatch_0001").processing_status)

    stand_in.watch, stand_in.polls = watch, 3
    assert all(programs(rows(3), knobs()))
    assert cancelled == ["canceling"] and len(stand_in.batches) == 2
    everything_is_there_and_paid_once(stand_in, knobs(), 3)


def test_an_entry_that_always_comes_to_nothing_ends_the_run_with_one_line_after_the_others_are_there(
    stand_in, knobs, rows
):
    stand_in.entry = lambda key, messages, times: "errored" if "wish 1" in messages[0]["content"] else "succeeded"
    with pytest.raises(UserError, match=r"1 requests came back .* 3 times \(errored: internal server error.*wish 1"):
        programs(rows(3), knobs())
    assert len(stand_in.batches) == 3
    everything_is_there_and_paid_once(stand_in, knobs(), 2)


@pytest.mark.parametrize("line", [1, 2, 3])
def test_results_that_break_off_are_read_again(stand_in, knobs, rows, line):
    stand_in.fault = lambda kind, number: Fault(lines=line) if (kind, number) == ("results", 1) else None
    assert all(programs(rows(3), knobs()))
    assert stand_in.requests["results"] == 2
    everything_is_there_and_paid_once(stand_in, knobs(), 3)


def test_results_that_end_early_without_an_error_are_read_again(stand_in, knobs, rows):
    stand_in.short_results = 2
    assert all(programs(rows(3), knobs()))
    assert stand_in.requests["results"] == 3
    everything_is_there_and_paid_once(stand_in, knobs(), 3)


def test_results_that_never_become_whole_end_the_run_with_one_line(stand_in, knobs, rows):
    stand_in.short_results = 1000
    with pytest.raises(UserError, match=r"batch msgbatch_0001: its results break off \(2 results for 3 requests\)"):
        programs(rows(3), knobs())
    stand_in.short_results = 0
    assert all(programs(rows(3), knobs()))
    everything_is_there_and_paid_once(stand_in, knobs(), 3)


def test_a_look_at_a_batch_may_fail_for_a_while(stand_in, knobs, rows):
    stand_in.fault = lambda kind, number: Fault(status=500) if kind == "retrieve" and number < 9 else None
    assert all(programs(rows(3), knobs()))
    everything_is_there_and_paid_once(stand_in, knobs(), 3)


def test_a_server_that_is_down_for_long_ends_the_run_and_the_batch_is_collected_later(stand_in, knobs, rows):
    stand_in.fault = lambda kind, number: Fault(status=500) if kind == "retrieve" else None
    with pytest.raises(UserError, match="the API answered 500: as scripted; nothing is lost"):
        programs(rows(3), knobs(retries=0))
    stand_in.fault = lambda kind, number: None
    assert all(programs(rows(3), knobs()))
    assert len(stand_in.batches) == 1
    everything_is_there_and_paid_once(stand_in, knobs(), 3)


def test_a_batch_that_another_key_has_sent_is_named(stand_in, knobs, rows, monkeypatch):
    monkeypatch.setattr("stages.lamp.teachers.anthropic_batches.Batches.collect", killed)
    with pytest.raises(Killed):
        programs(rows(2), knobs())
    monkeypatch.undo()
    again(monkeypatch, stand_in)
    stand_in.batches.clear()
    with pytest.raises(UserError, match=r"batch msgbatch_0001: the API does not know it under this key.*ledger\.jsonl"):
        programs(rows(2), knobs())


def test_answers_that_were_never_fetched_count_as_paid_and_are_asked_again(stand_in, knobs, rows, monkeypatch):
    monkeypatch.setattr("stages.lamp.teachers.anthropic_batches.Batches.collect", killed)
    with pytest.raises(Killed):
        programs(rows(2), knobs())
    monkeypatch.undo()
    again(monkeypatch, stand_in)
    stand_in.batches["msgbatch_0001"].archived = True
    with pytest.raises(UserError, match="its 2 answers were not fetched within 29 days"):
        programs(rows(2), knobs())
    assert ledger.Ledger(knobs().store_folder / "ledger.jsonl").extra_usd() > 0
    assert all(programs(rows(2), knobs()))


def test_an_answer_that_is_paid_twice_after_all_is_counted(stand_in, knobs, rows, monkeypatch):
    """Where settle_s was too short for the server, the second answer is no second row but money spent."""
    stand_in.fault = lambda kind, number: Fault(late_s=0.2) if (kind, number) == ("create", 1) else None
    assert all(programs(rows(2), knobs(settle_s=0.0)))
    while len(stand_in.batches) < 2:
        threading.Event().wait(0.01)
    book = ledger.Ledger(knobs().store_folder / "ledger.jsonl")
    late = next(batch for batch in stand_in.batches.values() if batch.id not in book.batches)
    sent = book.intend([entry["custom_id"] for entry in late.entries], "claude-opus-4-6", "setting", 1.0)
    book.created(sent, late.id)
    assert all(programs(rows(3), knobs()))
    assert ledger.Ledger(knobs().store_folder / "ledger.jsonl").extra_usd() > 0
    assert sorted(stand_in.paid().values()) == [1, 2, 2] and len(peek(knobs().store_folder)) == 3


# --- 7,500 answers, 20 kills ---

WINDOWS = [  # (what the server was doing, how often in this process) when the process is killed
    ("before create", 1),
    ("after create", 1),
    ("after create", 3),
    ("before create", 2),
    ("before list", 1),
    ("result line", 1),
    ("result line", 240),
    ("after retrieve", 5),
]
REQUESTS, KILLS = 7500, 20


def scripted(kind: str, number: int) -> Fault | None:
    """What goes wrong over HTTP, by the number of the request of its kind."""
    create = {
        2: Fault(status=429, retry_after="0.05"),
        5: Fault(status=500),
        8: Fault(status=500, done=True),
        11: Fault(cut=True, done=True),
        14: Fault(cut=True),
        17: Fault(stall_s=25.0, done=True),
        20: Fault(late_s=0.5),
        23: Fault(status=529),
    }
    if kind == "create":
        return create.get(number)
    if kind == "retrieve":
        return {3: Fault(status=529), 4: Fault(status=500), 5: Fault(cut=True)}.get(number % 40)
    if kind == "list":
        return {2: Fault(status=429, retry_after="0.01")}.get(number % 5)
    if kind == "results":
        return {2: Fault(lines=100), 4: Fault(lines=1), 6: Fault(status=500)}.get(number % 9)
    return None


def share(text: str) -> int:
    """A number below 1000 that hangs on the text alone."""
    return int(hashlib.sha256(text.encode()).hexdigest(), 16) % 1000


def unreliable(messages: list[dict[str, Any]]) -> Said:
    """4 % of first answers are of no use, and a few requests never get one that is."""
    wish = messages[0]["content"].split("\n")[0]
    luck, first = share(wish), len(messages) == 1 and "Attempt" not in messages[0]["content"]
    if luck < 2:
        return Said('{"program":{"name":"","steps":[]}}')
    if first and luck < 12:
        return Said("Here is your program!")
    if first and luck < 27:
        return Said(good(messages).text.replace("#", "%"))
    if first and luck < 33:
        return Said("", "refusal")
    if first and luck < 40:
        return Said(good(messages).text[:40], "max_tokens")
    return good(messages)


def fallible(key: str, messages: list[dict[str, Any]], times: int) -> str:
    luck = share(key)
    return "expired" if luck < 10 and times == 1 else "errored" if 10 <= luck < 20 and times == 1 else "succeeded"


class Killer:
    """Kills the process of the moment when its trigger comes."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self._event, self._left, self._delay = "", 0, 0.0
        self._lock = threading.Lock()

    def arm(self, process: subprocess.Popen[bytes], event: str, count: int, delay: float = 0.0) -> None:
        """Kill `process` when the event has come `count` times, and so many seconds later."""
        with self._lock:
            self.process, self._event, self._left, self._delay = process, event, count, delay

    def watch(self, event: str) -> None:
        with self._lock:
            if self.process is None or self._event not in ("any", event):
                return
            self._left -= 1
            if self._left == 0 and self._delay:
                threading.Timer(self._delay, self.process.kill).start()
            elif self._left == 0:
                self.process.kill()


@pytest.mark.slow
def test_7500_answers_are_there_once_and_paid_once_after_20_kills_and_scripted_faults(tmp_path, knobs, capsys):
    killer = Killer()
    stand_in = StandIn(unreliable, fallible, scripted, killer.watch, polls=2, short_results=3)
    start, lines = prepared(tmp_path, stand_in)
    draw = random.Random(7)
    delays = (0.0, 0.01, 0.05, 0.2)  # in the middle of what the process does with what it has heard
    triggers: list[tuple[Any, ...]] = [
        *WINDOWS,
        *(("any", draw.randint(1, 400), delays[n % 4]) for n in range(KILLS - len(WINDOWS))),
    ]
    with serving(stand_in):
        kills = 0
        while kills < len(triggers):
            process = start()
            killer.arm(process, *triggers[kills])
            code = process.wait(timeout=900)
            assert code == -signal.SIGKILL, f"ended by itself before kill {kills}: {lines()[-3000:]}"
            assert not (tmp_path / "responses.jsonl").exists()
            kills += 1
        killer.process = None
        assert start().wait(timeout=900) == 0, lines()[-3000:]
    assert kills == KILLS
    store = knobs(store=str(tmp_path / "store"))
    stored = peek(store.store_folder)
    everything_is_there_and_paid_once(stand_in, store, len(stored))
    said = check_rows(tmp_path)
    with capsys.disabled():  # the figures are worth seeing
        paid = f"{len(stored)} answers paid once each in {len(stand_in.batches)} batches"
        print(f"\n{KILLS} kills; {said}; {paid}; {dict(stand_in.requests)}")
    offline = start(ANTHROPIC_API_KEY="", ANTHROPIC_BASE_URL="http://127.0.0.1:9")
    before = (tmp_path / "responses.jsonl").read_bytes()
    assert offline.wait(timeout=900) == 0, lines()[-3000:]
    assert (tmp_path / "responses.jsonl").read_bytes() == before


def prepared(folder: Path, stand_in: StandIn) -> tuple[Callable[..., subprocess.Popen[bytes]], Callable[[], str]]:
    """How to start the stage on 7,500 requests, and what it has said."""
    values = yaml.safe_load((ROOT / "params.yaml").read_text())["lamp_responses"]
    quick = {"store": str(folder / "store"), "budget_usd": 5000.0, "poll_s": 0.02, "settle_s": 4.0, "timeout_s": 20.0}
    values.update(teacher="anthropic", anthropic={**values["anthropic"], **quick, "batch_size": 250})
    (folder / "params.yaml").write_text(yaml.safe_dump({"lamp_responses": values}))
    with (folder / "prompts.jsonl").open("w") as file:
        for n in range(REQUESTS):
            row = {"id": f"toy-{n}", "prompt": f"wish number {n}", "category": "toy", "meaning": {"intent": "off"}}
            file.write(json.dumps(row) + "\n")
    places = {name: folder / f"{name}.jsonl" for name in ("prompts", "unanswered")}
    options = {**places, "out": folder / "responses.jsonl", "params": folder / "params.yaml"}
    command = [sys.executable, "-m", "stages.lamp_responses"]
    command += [part for name, path in options.items() for part in (f"--{name}", str(path))]

    def start(**environment: str) -> subprocess.Popen[bytes]:
        own = {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": stand_in.url, "LAMPFORGE_WORKERS": "2", **environment}
        with (folder / "log").open("ab") as log:
            return subprocess.Popen(command, cwd=ROOT, env={**os.environ, **own}, stdout=log, stderr=log)

    return start, lambda: (folder / "log").read_text()


def check_rows(folder: Path) -> str:
    """No row is lost, none is there twice, all are in order; the reasons are told."""
    rows = {
        name: [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]
        for name in ("responses", "unanswered")
    }
    numbers = {name: [int(row["id"].partition("-")[2]) for row in listed] for name, listed in rows.items()}
    assert sorted(numbers["responses"] + numbers["unanswered"]) == list(range(REQUESTS))
    assert numbers["responses"] == sorted(numbers["responses"])
    hopeless = [n for n in range(REQUESTS) if share(f"Wish: wish number {n}") < 2]
    assert numbers["unanswered"] == hopeless and hopeless
    assert all(len(row["reasons"]) == 3 and "empty" in row["reasons"][0] for row in rows["unanswered"])
    return f"{len(rows['responses'])} answered, {len(rows['unanswered'])} unanswered"
