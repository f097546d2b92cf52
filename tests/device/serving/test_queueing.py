"""Calls of many on one thread, and no more of them waiting than there is room for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError

import pytest

from stages.device.serving.queueing import Closed, Full, Queue
from tests.device.serving.harness import PATIENCE_S


class Work:
    """A call that goes on until it is told."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        assert self.go.wait(PATIENCE_S)
        return "done"


@pytest.fixture
def work() -> Iterator[Work]:
    work = Work()
    yield work
    work.go.set()


def test_calls_are_made_one_after_the_other(work: Work) -> None:
    queue = Queue(2)
    first = queue.submit(work)
    assert work.begun.wait(PATIENCE_S)
    order: list[int] = []
    others = [queue.submit(lambda number=number: order.append(number)) for number in (1, 2)]  # type: ignore[misc]
    assert queue.waiting == 2 and queue.busy_s > 0 and order == []
    work.go.set()
    assert first.result(PATIENCE_S) == "done"
    for other in others:
        other.result(PATIENCE_S)
    assert order == [1, 2]
    queue.close()
    assert queue.finished(PATIENCE_S) and queue.busy_s == 0


def test_more_than_there_is_room_for_are_refused_with_a_time_to_wait(work: Work) -> None:
    queue = Queue(1)
    queue.submit(work)
    assert work.begun.wait(PATIENCE_S)
    queue.submit(lambda: None)
    with pytest.raises(Full) as full:
        queue.submit(lambda: None)
    assert full.value.retry_after_s == 1
    queue._usual_s = 20.0
    with pytest.raises(Full) as full:
        queue.submit(lambda: None)
    assert full.value.retry_after_s == 20  # one of two that are before it, on average


def test_a_call_that_is_cancelled_is_not_made_and_leaves_its_place(work: Work) -> None:
    queue = Queue(1)
    queue.submit(work)
    assert work.begun.wait(PATIENCE_S)
    made: list[str] = []
    assert queue.submit(lambda: made.append("cancelled")).cancel()
    last = queue.submit(lambda: made.append("last"))
    work.go.set()
    last.result(PATIENCE_S)
    assert made == ["last"]


def test_a_call_that_fails_gives_its_error_and_the_next_is_made() -> None:
    queue = Queue(1)
    with pytest.raises(ZeroDivisionError):
        queue.submit(lambda: 1 // 0).result(PATIENCE_S)
    assert queue.submit(lambda: "fine").result(PATIENCE_S) == "fine"


def test_after_closing_the_present_call_ends_and_no_other_begins(work: Work) -> None:
    queue = Queue(1)
    present = queue.submit(work)
    assert work.begun.wait(PATIENCE_S)
    waiting = queue.submit(lambda: "never")
    queue.close()
    with pytest.raises(CancelledError):
        waiting.result(PATIENCE_S)
    with pytest.raises(Closed):
        queue.submit(lambda: None)
    assert not queue.finished(0)
    work.go.set()
    assert present.result(PATIENCE_S) == "done" and queue.finished(PATIENCE_S)
