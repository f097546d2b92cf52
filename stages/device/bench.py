"""Answer requests with a GGUF model and measure: the part of the benchmark that runs on the device.

In:   a GGUF file, a JSON file of {"requests": [...], "hot_requests": [...], "settings": {...}}
Out:  a JSON file with the answers, their times, and the process's peak memory
Run:  python -m stages.device.bench MODEL.gguf --requests requests.json --out answers.json

A process of its own per model, so that peak memory is the model's own.
"""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from .. import files
from ..errors import reports_user_errors
from ..lamp.asking import RequestFormat
from .generate import Generator


@dataclass(frozen=True)
class Settings:
    """threads: of llama.cpp. max_tokens: of an answer. hot_seeds: answers per request at hot_temperature."""

    threads: int
    max_tokens: int
    temperature: float
    hot_temperature: float
    hot_seeds: int


@click.command(help=__doc__)
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--requests", "requests_path", type=click.Path(path_type=Path), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
@reports_user_errors
def main(model: Path, requests_path: Path, out: Path) -> None:
    work = files.read_json(requests_path)
    files.write_json(out, measure(model, work["requests"], work["hot_requests"], Settings(**work["settings"])))


def measure(model: Path, requests: list[str], hot_requests: list[str], settings: Settings) -> dict[str, Any]:
    """Answer every request under the grammar and freely, the hot ones also at a high temperature.

    Returns lists in the order of the requests: `grammar` and `free` (one answer each), `hot` (a list of
    answers per hot request), and `peak_rss_mb`.
    """
    with Generator(model, n_threads=settings.threads) as generator:
        asking = request_format(generator)
        # The first answer pays for what is only done once; the lamp's owner waits for the later ones.
        generator.generate(generator.prompt(asking.messages("hello")), max_tokens=8)
        under_grammar = [_answer(generator, asking, prompt, settings, grammar=True) for prompt in requests]
        # Peak memory of serving: measured before the free answers, which no device gives.
        peak = peak_rss_mb()
        free = [_answer(generator, asking, prompt, settings, grammar=False) for prompt in requests]
        hot = [
            [
                _answer(generator, asking, prompt, settings, grammar=True, seed=seed)
                for seed in range(settings.hot_seeds)
            ]
            for prompt in hot_requests
        ]
    return {"grammar": under_grammar, "free": free, "hot": hot, "peak_rss_mb": peak}


def _answer(
    generator: Generator,
    asking: RequestFormat,
    prompt: str,
    settings: Settings,
    grammar: bool,
    seed: int | None = None,
) -> dict[str, Any]:
    temperature = settings.temperature if seed is None else settings.hot_temperature
    start = time.perf_counter()
    answer = generator.generate(
        generator.prompt(asking.messages(prompt)),
        temperature=temperature,
        seed=seed or 0,
        grammar=grammar,
        max_tokens=settings.max_tokens,
    )
    # From the request to the finished program: rendering and tokenising the prompt included.
    return {**asdict(answer), "total_ms": 1000 * (time.perf_counter() - start)}


def request_format(generator: Generator) -> RequestFormat:
    """How this model wants to be asked: stored in the file, so that it cannot drift from the training."""
    names = ("system_prompt", "request_template", "follow_up_template")
    return RequestFormat(*(generator.metadata(f"lampforge.{name}") for name in names))


def peak_rss_mb() -> float:
    """Peak resident memory of this process so far, in MB (10^6 bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak * (1 if sys.platform == "darwin" else 1024) / 1e6, 1)


if __name__ == "__main__":
    main()
