"""The seed data, and what it gives: 2,500 requests and the rule-based teacher's answers, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from stages.lamp import phrasing, taxonomy
from stages.lamp.program import Program, compact
from stages.lamp.request import Request
from stages.lamp.taxonomy import Taxonomy
from stages.lamp.teachers.rule_based import RuleBased

SEED = Path(__file__).parents[2] / "data" / "seed"
QUOTAS = {
    "pattern": 500,
    "render": 600,
    "multi_step": 500,
    "mixed": 200,
    "text": 200,
    "creative": 300,
    "edge_case": 200,
}


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
def quotas() -> dict[str, int]:
    return dict(QUOTAS)


@pytest.fixture(scope="session")
def requests(words: Taxonomy, benchmark_path: Path) -> list[Request]:
    return list(phrasing.requests(words, QUOTAS, 7, benchmark_path))


@pytest.fixture(scope="session")
def answers(words: Taxonomy, requests: list[Request]) -> list[Program]:
    teacher = RuleBased(words, 7)
    return [teacher.answer(request) for request in requests]


@pytest.fixture(scope="session")
def responses(answers: list[Program]) -> list[str]:
    return [compact(answer) for answer in answers]
