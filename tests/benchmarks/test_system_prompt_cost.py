"""What each system prompt costs before the first word of an answer: tokens, and the time that llama.cpp reads them.

And what it no longer costs once it was read: by the same process, or by an earlier one that left it on disk.

Needs `make repro` first. A model is asked in its own words but for the system prompt. Its tokenizer was trained on the
short one and spells the manual out; one that was trained on it needs about half (`lamp_trainset.system_prompt=full`).
"""

import statistics
import time
from dataclasses import replace
from pathlib import Path

import pytest

from stages import lamp_trainset, params
from stages.device import prefix_cache
from stages.device.generate import Generator

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "models" / "gguf").glob("*Q4_K_M.gguf"))
ROUNDS = 7
WANTED = 3  # times as fast, once the system prompt was read
FEW, MANY = 32, 256  # tokens: a request with the short line is below the first, the manual above the second


def cost(file: Path, system_prompt: str) -> tuple[int, float, float]:
    """Prompt tokens of a request; ms to the first token of an answer, and of the next one, with what is kept by then.

    The least of several rounds: other work on the machine only ever makes them slower.
    """
    with Generator(file, n_ctx=4096, n_threads=1) as generator:
        asking = replace(generator.request_format(), system_prompt=system_prompt)
        first, second, other = (
            generator.tokens(generator.prompt(asking.messages(request)))
            for request in ("show a star", "make it cosy", "hi")
        )
        times = []
        for _ in range(ROUNDS):
            generator.generate([other[-1]] * 64, max_tokens=1)  # nothing of the prompt is kept
            answers = [generator.generate(prompt, max_tokens=1) for prompt in (first, second)]
            times.append([answer.first_token_ms for answer in answers])
    return len(first), min(time for time, _ in times), min(time for _, time in times)


@pytest.mark.skipif(not FILES, reason="no model yet: make repro")
def test_what_each_system_prompt_costs() -> None:
    knobs = params.load(lamp_trainset.Params, "lamp_trainset", ROOT / "params.yaml")
    found = {}
    for name in ("none", "short", "full"):
        found[name] = cost(FILES[0], lamp_trainset.system_prompt(replace(knobs, system_prompt=name)))
        tokens, first, second = found[name]
        print(f"{name}: {tokens} prompt tokens, first answer after {first:.1f} ms, the next after {second:.1f} ms")
    assert found["none"][0] < found["short"][0] < FEW
    assert found["full"][0] > MANY
    assert found["full"][2] < found["full"][1] / 2, "the manual is read once"


@pytest.mark.skipif(not FILES, reason="no model yet: make repro")
def test_a_system_prompt_that_was_read_before_need_not_be_read_again(tmp_path: Path) -> None:
    """The first answer of a process: with nothing kept, and with what an earlier process left on disk."""
    knobs = params.load(lamp_trainset.Params, "lamp_trainset", ROOT / "params.yaml")
    manual = lamp_trainset.system_prompt(replace(knobs, system_prompt="full"))
    cold, in_memory, from_disk = [], [], []
    for number in range(ROUNDS):
        for kept in (False, True):
            with Generator(FILES[0], n_ctx=4096, n_threads=1) as generator:
                asking = replace(generator.request_format(), system_prompt=manual)
                first, second = (
                    generator.tokens(generator.prompt(asking.messages(request)))
                    for request in ("show a star", "make it cosy")
                )
                prefix = prefix_cache.common_beginning(first, second)
                begin = time.perf_counter()
                if kept:
                    assert prefix_cache.warm(generator, prefix, tmp_path / str(number))
                answers = [generator.generate(prompt, max_tokens=1) for prompt in (first, second)]
                ready = 1000 * (time.perf_counter() - begin) - answers[1].total_ms
                (from_disk if kept else cold).append(ready)
                in_memory.append(answers[1].first_token_ms)
                if not kept:
                    prefix_cache.warm(generator, prefix, tmp_path / str(number))
    print(
        f"{len(prefix)} tokens before the request: first token after {statistics.median(cold):.1f} ms, of the next"
        f" answer after {statistics.median(in_memory):.1f} ms, in a new process, its reading from disk included, after"
        f" {statistics.median(from_disk):.1f} ms"
    )
    assert statistics.median(cold) > WANTED * statistics.median(in_memory)
    assert statistics.median(cold) > WANTED * statistics.median(from_disk)
