"""Our decode loop against llama.cpp's own llama-bench, on the same files, in one run. Needs `make repro` first.

Both have one thread on the same core, take turns every few samples, and a sample is about as long: llama-bench
computes 128 tokens behind an empty context, we write two answers of together 135 or so, each behind its prompt of
16. The fastest tenth of the samples is compared: other work on the machine only ever makes a sample slower, and
with a load of more than the number of cores, the means of two programs of equal speed differ by a fifth.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stages.device.bench import request_format
from stages.device.generate import Generator

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "models" / "gguf").glob("*.gguf"))
LLAMA_BENCH = Path(sys.prefix) / "bin" / "llama-bench"
SAMPLES = (
    ("countdown from 10", "be my pomodoro timer"),
    ("draw a rose", "a butterfly"),
    ("sunset over 30 minutes", "simulate a sunrise"),
)
ROUNDS = 30
WANTED = 0.9  # of llama-bench's speed, freely and under the grammar, where every answer is a valid program


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


def llama_bench_samples(file: Path) -> list[float]:
    """Tokens per second, as many samples as we take in a round."""
    command = [LLAMA_BENCH, "-m", file, "-p", 0, "-n", 128, "-t", 1, "-r", len(SAMPLES), "-ngl", 0, "-o", "json"]
    done = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True)
    return [float(speed) for speed in json.loads(done.stdout)[0]["samples_ts"]]


def our_samples(generator: Generator, grammar: bool) -> list[float]:
    """Tokens per second, the first token of each answer left out: it comes out of the prompt's evaluation."""
    asking = request_format(generator)
    speeds = []
    for requests in SAMPLES:
        prompts = [generator.prompt(asking.messages(request)) for request in requests]
        answers = [generator.generate(prompt, max_tokens=400, grammar=grammar) for prompt in prompts]
        assert 100 < sum(answer.n_tokens for answer in answers) < 400, "of another length than llama-bench's samples"
        tokens = sum(answer.n_tokens - 1 for answer in answers)
        speeds.append(1000 * tokens / sum(answer.decode_ms for answer in answers))
    return speeds


def fastest_tenth(speeds: list[float]) -> float:
    """What one sample in ten reaches."""
    return statistics.quantiles(speeds, n=10)[-1]


@pytest.mark.skipif(not FILES, reason="no models/gguf: run `make repro` or `dvc pull` first")
@pytest.mark.skipif(not LLAMA_BENCH.exists(), reason="no llama-bench: run this through `make bench`")
@pytest.mark.usefixtures("one_core")
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
@pytest.mark.parametrize("how", ["free", "grammar"])
def test_decoding_keeps_its_share_of_llama_bench(file: Path, how: str) -> None:
    theirs: list[float] = []
    ours: list[float] = []
    with Generator(file, n_threads=1) as generator:
        our_samples(generator, how == "grammar")
        for _ in range(ROUNDS):
            theirs += llama_bench_samples(file)
            ours += our_samples(generator, how == "grammar")
    share = fastest_tenth(ours) / fastest_tenth(theirs)
    medians = statistics.median(ours) / statistics.median(theirs)
    print(
        f"\n{file.name}, {how}: {fastest_tenth(ours):,.0f} of {fastest_tenth(theirs):,.0f} tokens/s,"
        f" {share:.2f} of llama-bench ({medians:.2f} in the median)"
    )
    assert share >= WANTED
