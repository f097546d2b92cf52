"""A stand-in for Anthropic's API on loopback, and knobs that make its clients impatient."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stages import params
from stages.lamp.teachers.anthropic_knobs import SECTION, Knobs
from tests.lamp.teachers.stand_in import KEY, StandIn, serving

ROOT = Path(__file__).parents[3]


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """A server that the real SDK talks to; what it does wrong is set on it."""
    # The SDK waits half a second before it tries again; the server's own retry-after still counts.
    monkeypatch.setattr("anthropic._base_client.INITIAL_RETRY_DELAY", 0.001)
    with serving(StandIn()) as server:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        yield server


@pytest.fixture(scope="session")
def own() -> Knobs:
    """The repository's knobs."""
    return params.load(Knobs, SECTION, ROOT / "params.yaml")


@pytest.fixture
def knobs(own: Knobs, tmp_path: Path) -> Callable[..., Knobs]:
    """The repository's knobs with a store of the test's own, a budget and short waits, and the changes given."""

    def changed(**changes: Any) -> Knobs:
        quick = {"store": str(tmp_path / "store"), "budget_usd": 50.0, "poll_s": 0.005, "settle_s": 0.1}
        return dataclasses.replace(own, **{**quick, **changes})

    return changed


@pytest.fixture
def rows() -> Callable[[int], list[dict[str, Any]]]:
    """So many rows of prompts.jsonl."""
    return lambda count: [
        {"id": f"toy-{n}", "prompt": f"wish {n}", "category": "toy", "meaning": {"intent": "off"}} for n in range(count)
    ]
