"""The seed data, and a tenth of what it gives: requests of all kinds and their rule-based answers, made once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from stages import lamp_prompts, params
from stages.lamp import phrasing, taxonomy
from stages.lamp.program import Program, compact
from stages.lamp.request import Request
from stages.lamp.taxonomy import Taxonomy, Unit
from stages.lamp.teachers.rule_based import RuleBased

ROOT = Path(__file__).parents[2]
SEED = ROOT / "data" / "seed"
SCALE = 10
# Enough rows of each unit to see what it is like.
AT_LEAST = 4


@pytest.fixture(scope="session")
def seed_folder() -> Path:
    return SEED


@pytest.fixture(scope="session")
def benchmark_path() -> Path:
    return SEED / "benchmark.yaml"


@pytest.fixture(scope="session")
def words() -> Taxonomy:
    return taxonomy.load(SEED)


@pytest.fixture(scope="session")
def own_quotas(words: Taxonomy) -> dict[tuple[str, str, str], int]:
    """The repository's own quota of each unit, by the unit's key in `words.units`."""
    path = ROOT / "params.yaml"
    chosen = lamp_prompts.quotas(params.load(lamp_prompts.Params, "lamp_prompts", path), words, path)
    return {key: quota for (key, _), quota in chosen.items()}


@pytest.fixture(scope="session")
def quotas(own_quotas: dict[tuple[str, str, str], int]) -> dict[tuple[str, str, str], int]:
    """A tenth of them, but a few of each."""
    return {key: max(AT_LEAST, quota // SCALE) for key, quota in own_quotas.items()}


@pytest.fixture(scope="session")
def ask(words: Taxonomy, benchmark_path: Path) -> Callable[..., list[Request]]:
    """Makes requests of a unit: of the seed data by its key, or one made up for a test."""

    def made(unit: Unit | tuple[str, str, str], quota: int, seed: int = 7, taxonomy: Taxonomy = words) -> list[Request]:
        chosen = unit if isinstance(unit, Unit) else taxonomy.units[unit]
        return list(phrasing.requests(taxonomy, chosen, quota, seed, benchmark_path, "the quota"))

    return made


@pytest.fixture(scope="session")
def requests(ask: Callable[..., list[Request]], quotas: dict[tuple[str, str, str], int]) -> list[Request]:
    return [request for key, quota in quotas.items() for request in ask(key, quota)]


@pytest.fixture(scope="session")
def answers(words: Taxonomy, requests: list[Request]) -> list[Program]:
    teacher = RuleBased(words, 7)
    return [teacher.answer(request) for request in requests]


@pytest.fixture(scope="session")
def right(words: Taxonomy) -> Callable[..., dict[str, Any]]:
    """The rule-based answer to a meaning, to be spoilt at will."""
    teacher = RuleBased(words, 7)

    def answer(**meaning: Any) -> dict[str, Any]:
        request: Any = {"id": "x-1", "prompt": "", "category": "", "meaning": meaning}
        program: dict[str, Any] = orjson.loads(orjson.dumps(teacher.answer(request)))
        return program

    return answer


@pytest.fixture(scope="session")
def responses(answers: list[Program]) -> list[str]:
    return [compact(answer) for answer in answers]
