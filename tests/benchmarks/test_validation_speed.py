"""How many programs a second strict validation reads, beside what decoding their JSON alone costs."""

import json
import time
from pathlib import Path
from statistics import median

import orjson

from stages.lamp import phrasing, taxonomy
from stages.lamp.program import compact
from stages.lamp.teachers.rule_based import RuleBased
from stages.lamp.validation import parse

SEED = Path(__file__).resolve().parents[2] / "data" / "seed"
QUOTAS = {"pattern": 500, "render": 600, "multi_step": 500, "mixed": 200, "text": 200, "creative": 300}  # of v1
ROUNDS = 7


def seconds(read, programs):
    start = time.perf_counter()
    for program in programs:
        read(program)
    return time.perf_counter() - start


def test_validation_costs_a_small_multiple_of_decoding():
    words = taxonomy.load(SEED)
    teacher = RuleBased(words, seed=7)
    programs = [
        compact(teacher.answer(request))
        for category, quota in QUOTAS.items()
        for request in phrasing.requests(
            words, words.units["v1", category, ""], quota, 7, SEED / "benchmark.yaml", "the quota"
        )
    ]
    rounds = [
        (seconds(parse, programs), seconds(json.loads, programs), seconds(orjson.loads, programs))
        for _ in range(ROUNDS)
    ]
    ours, stdlib, fastest = (median(column) for column in zip(*rounds, strict=True))
    print(f"\n{len(programs) / ours:,.0f} programs/s, {ours / stdlib:.1f} x json.loads, {ours / fastest:.1f} x orjson")
    assert ours / stdlib < 4
