"""Calls to the hub: which failures may pass, and the line for those that do not."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

from stages.corpus.intake import hub_calls
from stages.corpus.intake.hub_calls import HubError, NotReachedError, called


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr(hub_calls.time, "sleep", waited.append)
    return waited


def failing(*errors: Exception) -> Callable[[], str]:
    """A call that raises these one after the other, and then returns."""
    left = list(errors)

    def call() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return call


def answered(status: int, message: str | None = None) -> HfHubHTTPError:
    request = httpx2.Request("GET", "http://127.0.0.1/x")
    return HfHubHTTPError("no", response=httpx2.Response(status, request=request), server_message=message)


CUT = OSError("Consistency check failed: file should be of size 3 but has size 2 (x).\nThis is usually due to")


@pytest.mark.parametrize("error", [httpx2.ReadError("reset"), answered(429), answered(500), CUT])
def test_what_may_pass_is_called_again(waits: list[float], error: Exception) -> None:
    assert called(failing(error, error), "toy/set") == "done"
    assert waits == list(hub_calls.WAITS[:2])


def test_what_does_not_pass_is_given_up(waits: list[float]) -> None:
    with pytest.raises(NotReachedError, match="is not reached: reset"):
        called(failing(*[httpx2.ReadError("reset")] * 9), "toy/set")
    assert waits == list(hub_calls.WAITS)


@pytest.mark.parametrize("status", [400, 403, 404, 416])
def test_an_answer_that_stays_is_not_asked_for_again(waits: list[float], status: int) -> None:
    with pytest.raises(HubError, match=f"the hub answers {status} for toy/set: not for you, ever"):
        called(failing(answered(status, "not for you,\never")), "toy/set")
    assert waits == []


def test_what_is_wrong_with_this_machine_is_not_taken_for_the_hub(waits: list[float]) -> None:
    with pytest.raises(OSError) as caught:
        called(failing(OSError(errno.ENOSPC, "No space left on device")), "toy/set")
    assert caught.value.errno == errno.ENOSPC
    with pytest.raises(FileNotFoundError):
        called(failing(FileNotFoundError("no data files")), "toy/set")
    assert waits == []


def test_what_stopped_the_librarys_own_attempts_is_named(waits: list[float]) -> None:
    inside = LocalEntryNotFoundError("An error happened while trying to locate the file")
    inside.__cause__ = httpx2.ConnectTimeout("timed out")
    with pytest.raises(NotReachedError, match="timed out"):
        called(failing(inside), "toy/set")
    assert waits == []


@pytest.mark.parametrize("error", [RuntimeError("store: broken\nbacktrace"), LocalEntryNotFoundError("store: broken")])
def test_anything_else_that_the_library_says_is_one_line(waits: list[float], error: Any) -> None:
    with pytest.raises(HubError) as caught:
        called(failing(error), "toy/set")
    assert str(caught.value) == "toy/set: store: broken"
