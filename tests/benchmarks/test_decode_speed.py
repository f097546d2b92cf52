"""Our decode loop against llama.cpp's own llama-bench, on the same files, in one run. Needs `make repro` first.

What makes the two alike: one thread each, on the same core; as many tokens behind as long a prompt, because each
token before it makes the next one 0.3 % slower (llama-bench on its own begins with an empty context); and both load
the model anew in every round, because where its weights come to lie in memory is worth 4 %. They take turns, and
the fastest tenth of the samples is compared: other work on the machine only ever makes a sample slower.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stages.device.generate import Generator

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "models" / "gguf").glob("*.gguf"))
LLAMA_BENCH = Path(sys.prefix) / "bin" / "llama-bench"
# Their answers have 105 tokens, more than most, and are cut.
REQUESTS = ("countdown from 10", "10 second countdown", "a countdown from 10")
TOKENS = 96
ROUNDS = 30
WANTED = 0.9  # of llama-bench's speed, freely and under the grammar, where every answer is a valid program
GRAMMAR_COST = 0.1  # of our own speed without it


@pytest.fixture
def one_core() -> Iterator[None]:
    """This process and its children stay on one core: neither gets the idler one."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    yield
    os.sched_setaffinity(0, allowed)


def our_samples(file: Path, grammar: bool) -> tuple[int, list[float]]:
    """Tokens of the shortest prompt, and tokens per second of an answer to each request."""
    with Generator(file, n_threads=1) as generator:
        asking = generator.request_format()
        prompts = [generator.tokens(generator.prompt(asking.messages(request))) for request in REQUESTS]
        for _ in range(2):  # the first time warms up, as llama-bench does
            # The first token comes out of the prompt's evaluation, the others each out of one of their own.
            answers = [generator.generate(prompt, max_tokens=TOKENS + 1, grammar=grammar) for prompt in prompts]
    assert {answer.n_tokens for answer in answers} == {TOKENS + 1}, "this model needs other requests or fewer tokens"
    return min(map(len, prompts)), [1000 * TOKENS / answer.decode_ms for answer in answers]


def llama_bench_samples(file: Path, prompt: int) -> list[float]:
    """Tokens per second of TOKENS tokens behind `prompt` tokens, as many samples as we take in a round."""
    size = ["-p", 0, "-d", prompt, "-n", TOKENS, "-r", len(REQUESTS)]
    command = [LLAMA_BENCH, "-m", file, *size, "-t", 1, "-ngl", 0, "-o", "json"]
    done = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True)
    return [float(speed) for speed in json.loads(done.stdout)[0]["samples_ts"]]


def fastest_tenth(speeds: list[float]) -> float:
    """What one sample in ten reaches."""
    return statistics.quantiles(speeds, n=10)[-1]


@pytest.mark.skipif(not FILES, reason="no models/gguf: run `make repro` or `dvc pull` first")
@pytest.mark.skipif(not LLAMA_BENCH.exists(), reason="no llama-bench: run this through `make bench`")
@pytest.mark.usefixtures("one_core")
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
@pytest.mark.parametrize("how", ["free", "grammar"])
def test_decoding_keeps_its_share_of_llama_bench(file: Path, how: str) -> None:
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(ROUNDS):
        prompt, speeds = our_samples(file, how == "grammar")
        ours += speeds
        theirs += llama_bench_samples(file, prompt)
    share = fastest_tenth(ours) / fastest_tenth(theirs)
    medians = statistics.median(ours) / statistics.median(theirs)
    print(
        f"\n{file.name}, {how}: {fastest_tenth(ours):,.0f} of {fastest_tenth(theirs):,.0f} tokens/s,"
        f" {share:.2f} of llama-bench ({medians:.2f} in the median)"
    )
    assert share >= WANTED


@pytest.mark.skipif(not FILES, reason="no models/gguf: run `make repro` or `dvc pull` first")
@pytest.mark.usefixtures("one_core")
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_grammar_costs_a_tenth_of_the_speed_at_most(file: Path) -> None:
    under_grammar: list[float] = []
    free: list[float] = []
    for _ in range(ROUNDS):
        under_grammar += our_samples(file, grammar=True)[1]
        free += our_samples(file, grammar=False)[1]
    cost = 1 - fastest_tenth(under_grammar) / fastest_tenth(free)
    medians = 1 - statistics.median(under_grammar) / statistics.median(free)
    print(
        f"\n{file.name}: {fastest_tenth(under_grammar):,.0f} tokens/s under the grammar, {fastest_tenth(free):,.0f}"
        f" without, which is {100 * cost:.1f} % ({100 * medians:.1f} % in the median)"
    )
    assert cost <= GRAMMAR_COST
