"""The client: what it sends, what it tries again, and what it says where that does not help."""

import pytest

from stages.errors import UserError
from stages.lamp.teachers.anthropic_client import Unsure, connect, for_the_user, usage_of
from tests.lamp.teachers.stand_in import Fault

PARAMS = {
    "model": "claude-opus-4-6",
    "max_tokens": 100,
    "system": [{"type": "text", "text": "You are a teacher."}],
    "messages": [{"role": "user", "content": "wish"}],
}
BATCH = [{"custom_id": "a", "params": PARAMS}]


def faults(stand_in, *listed):
    """The first requests go wrong like this, one each; None goes well."""
    script = dict(enumerate(listed, start=1))
    stand_in.fault = lambda kind, number: script.get(number)


@pytest.mark.parametrize("key", [None, "", "  "])
def test_without_a_key_there_is_one_line_that_says_what_to_do(monkeypatch, knobs, key):
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    if key is not None:
        monkeypatch.setenv("ANTHROPIC_API_KEY", key)
    with pytest.raises(UserError, match="ANTHROPIC_API_KEY is not set; export your key"):
        connect(knobs())


def test_a_wrong_key_is_not_tried_twice_and_named_as_the_cause(stand_in, monkeypatch, knobs):
    from anthropic import AuthenticationError

    monkeypatch.setenv("ANTHROPIC_API_KEY", "wrong")
    with pytest.raises(AuthenticationError) as caught:
        connect(knobs()).messages.create(**PARAMS)
    assert stand_in.requests["messages"] == 1
    line = str(for_the_user(caught.value))
    assert "refused the key in ANTHROPIC_API_KEY (401: invalid x-api-key)" in line and "\n" not in line


def test_a_busy_server_is_asked_again_after_as_long_as_it_says(stand_in, monkeypatch, knobs):
    waits = []
    monkeypatch.setattr("time.sleep", waits.append)
    faults(stand_in, Fault(status=429, retry_after="7"), Fault(status=529, retry_after="11"))
    assert connect(knobs()).messages.create(**PARAMS).stop_reason == "end_turn"
    assert waits == [7, 11] and len(stand_in.bills) == 1


def test_the_client_sends_nothing_that_would_make_a_second_request_free(stand_in, knobs):
    """Were there an idempotency key, plain calls could be as safe as batches: then this must be used."""
    connect(knobs()).messages.create(**PARAMS)
    connect(knobs()).messages.batches.create(requests=BATCH)
    assert len(stand_in.headers) == 2
    assert not [name for headers in stand_in.headers for name in headers if "idempoten" in name]


@pytest.mark.parametrize("fault", [Fault(cut=True, done=True), Fault(stall_s=5, done=True), Fault(cut=True)])
def test_a_plain_call_whose_answer_is_lost_is_made_again_and_counted(stand_in, knobs, fault):
    lost = []
    faults(stand_in, fault)
    connect(knobs(timeout_s=0.3), lambda: lost.append(1)).messages.create(**PARAMS)
    assert lost == [1]
    assert len(stand_in.bills) == 1 + fault.done


def test_a_plain_call_that_the_server_refused_is_no_loss(stand_in, knobs):
    lost = []
    faults(stand_in, Fault(status=500), Fault(status=529))
    connect(knobs(), lambda: lost.append(1)).messages.create(**PARAMS)
    assert lost == [] and len(stand_in.bills) == 1


@pytest.mark.parametrize("fault", [Fault(cut=True), Fault(stall_s=5), Fault(status=500), Fault(status=408)])
@pytest.mark.parametrize("done", [True, False])
def test_creating_a_batch_is_never_tried_again_where_the_server_may_have_done_it(stand_in, knobs, fault, done):
    import dataclasses

    faults(stand_in, dataclasses.replace(fault, done=done))
    with pytest.raises(Unsure):
        connect(knobs(timeout_s=0.3)).messages.batches.create(requests=BATCH)
    assert len(stand_in.batches) == done and stand_in.requests["create"] == 1


def test_creating_a_batch_is_tried_again_where_the_server_surely_did_not_do_it(stand_in, knobs):
    faults(stand_in, Fault(status=429, retry_after="0.01"), Fault(status=529))
    connect(knobs()).messages.batches.create(requests=BATCH)
    assert len(stand_in.batches) == 1 and stand_in.requests["create"] == 3


def test_a_server_that_is_not_there_is_tried_again_and_then_named(stand_in, monkeypatch, knobs):
    from anthropic import APIConnectionError

    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    with pytest.raises(APIConnectionError) as caught:
        connect(knobs(retries=1)).messages.batches.create(requests=BATCH)
    line = str(for_the_user(caught.value))
    assert "http://127.0.0.1:9 cannot be reached" in line and "run the same command again" in line


@pytest.mark.parametrize(("ttl", "hour"), [("1h", 900), ("5m", 0)])
def test_tokens_that_were_cached_for_an_unsaid_time_are_taken_as_asked_for(stand_in, knobs, ttl, hour):
    message = connect(knobs()).messages.create(**PARAMS)
    message.usage.cache_creation_input_tokens = 900
    message.usage.cache_creation = None
    usage = usage_of(message, ttl)
    assert (usage.cache_write_1h, usage.cache_write_5m) == (hour, 900 - hour)


def test_the_tokens_are_those_of_the_message(stand_in, knobs):
    long = {**PARAMS, "system": [{"type": "text", "text": "x" * 8000, "cache_control": {"type": "ephemeral"}}]}
    client = connect(knobs())
    first, second = (usage_of(client.messages.create(**long), "1h") for _ in range(2))
    assert (first.cache_write_5m, first.cache_read) == (2000, 0)
    assert (second.cache_write_5m, second.cache_read) == (0, 2000)
    assert first.input == second.input == 1 and first.output > 10
