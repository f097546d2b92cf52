"""The ledger: what was sent is known after any kill."""

import pytest

from stages.errors import UserError
from stages.lamp.teachers.ledger import Ledger


def intended(path, keys=("a", "b"), usd=2.0):
    ledger = Ledger(path)
    return ledger, ledger.intend(list(keys), "model", "setting", usd)


def test_a_batch_is_out_from_before_it_is_asked_for_until_it_is_collected(tmp_path):
    path = tmp_path / "ledger.jsonl"
    ledger, sent = intended(path)
    for _ in range(2):  # as it is known here, and as a new process finds it
        [found] = ledger.open.values()
        assert (found.keys, found.batch, found.most_usd) == ({"a", "b"}, None, 2.0)
        assert (found.model, found.setting) == ("model", "setting")
        assert ledger.reserved_usd() == 2.0
        ledger = Ledger(path)
    ledger.created(ledger.open[sent.intent], "batch-1")
    assert Ledger(path).open[sent.intent].batch == "batch-1"
    assert Ledger(path).batches == {"batch-1"}
    ledger.collected(ledger.open[sent.intent], {"succeeded": 2}, extra_usd=0.25)
    again = Ledger(path)
    assert not again.open and again.reserved_usd() == 0 and again.extra_usd() == 0.25
    assert again.batches == {"batch-1"}


def test_a_batch_that_the_server_never_had_is_not_out(tmp_path):
    ledger, sent = intended(tmp_path / "ledger.jsonl")
    ledger.absent(sent, "not listed")
    assert not Ledger(tmp_path / "ledger.jsonl").open


def test_a_line_that_was_being_written_when_the_run_was_killed_is_cut_off(tmp_path):
    path = tmp_path / "ledger.jsonl"
    ledger, sent = intended(path)
    whole = path.read_bytes()
    ledger.created(sent, "batch-1")
    path.write_bytes(path.read_bytes()[:-5])
    again = Ledger(path)
    assert again.open[sent.intent].batch is None
    assert path.read_bytes() == whole
    again.created(again.open[sent.intent], "batch-1")
    assert Ledger(path).batches == {"batch-1"}


@pytest.mark.parametrize(
    "line", ["{broken", '{"event": "created", "intent": "nobody", "batch": "b"}', '{"event": "x"}']
)
def test_a_line_that_is_none_of_a_ledger_is_named(tmp_path, line):
    path = tmp_path / "ledger.jsonl"
    intended(path)
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(UserError, match=r"ledger\.jsonl:2: "):
        Ledger(path)


def test_a_plain_call_without_an_answer_or_a_failure_may_have_been_paid(tmp_path):
    path = tmp_path / "ledger.jsonl"
    ledger = Ledger(path)
    for key in ("answered", "failed", "killed", "killed-then-answered"):
        ledger.calling(key, 0.5)
    ledger.failed("failed", "529")
    ledger.calling("killed-then-answered", 0.5)
    left = Ledger(path).unanswered_calls({"answered", "killed-then-answered"})
    assert left == {"killed": 0.5, "killed-then-answered": 0.5}


def test_an_answer_that_was_lost_on_the_way_counts_as_paid(tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.calling("a", 0.5)
    ledger.lost("a", 0.5)
    assert Ledger(tmp_path / "ledger.jsonl").extra_usd() == 0.5
