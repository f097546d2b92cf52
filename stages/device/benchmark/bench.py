"""Answer requests with a GGUF model and measure: the process that `score_bench` and `lampforge bench` both start.

In:   a GGUF file, a JSON file of {"requests": [...], "hot_requests": [...], "settings": {...}}
Out:  a JSON file with the answers, their times, and the process's peak memory; a line on stdout for each answer
Run:  python -m stages.device.benchmark.bench MODEL.gguf --requests requests.json --out answers.json

A process of its own per model, so that peak memory is the model's own. It judges nothing.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ... import files
from ...errors import EXIT_USER_ERROR, UserError, reports_user_errors
from ...lamp.asking import RequestFormat

if TYPE_CHECKING:
    from ..generate import Generator

Request = str | list[dict[str, str]]
"""What is asked: a wish, or a whole chat up to where the lamp answers."""

# How often a prompt is evaluated anew to measure that alone.
_PREFILL_REPEATS = 5
_PREFIX = "lampforge."
_ASKING = tuple(field.name for field in fields(RequestFormat))
_KEY_BYTES = 256


@dataclass(frozen=True)
class Settings:
    """threads: of llama.cpp; None: by the model's size. max_tokens: of an answer. hot_seeds: answers per request at
    hot_temperature. rounds: so often is everything asked, but for the hot requests. prefill_tokens: of the prompts
    that are evaluated by themselves; 0: none is. cold: the file is read from the disk, where the system lets go of it.
    """

    threads: int | None
    max_tokens: int
    temperature: float
    hot_temperature: float
    hot_seeds: int
    rounds: int = 1
    prefill_tokens: int = 0
    cold: bool = False


@click.command(help=__doc__)
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--requests", "requests_path", type=click.Path(path_type=Path), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
@reports_user_errors
def main(model: Path, requests_path: Path, out: Path) -> None:
    work = files.read_json(requests_path)
    measured = measure(model, work["requests"], work["hot_requests"], Settings(**work["settings"]), work.get("started"))
    files.write_json(out, measured)


def measured_apart(
    model: Path,
    requests: Sequence[Request],
    hot_requests: Sequence[Request],
    settings: Settings,
    on_answer: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """What `measure` returns, from a process of its own. on_answer: called whenever there is an answer.

    Raises UserError for the user's mistakes in there, RuntimeError with what it said when it breaks otherwise.
    """
    with tempfile.TemporaryDirectory() as scratch:
        work, out, log = (Path(scratch) / name for name in ("requests.json", "answers.json", "log"))
        asked = {"requests": list(requests), "hot_requests": list(hot_requests), "settings": asdict(settings)}
        files.write_json(work, {**asked, "started": time.monotonic()})
        command = [sys.executable, "-m", f"{__package__}.bench", str(model), "--requests", str(work), "--out", str(out)]
        with log.open("w") as errors, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors) as process:
            assert process.stdout is not None
            try:
                for _ in process.stdout:
                    on_answer()
            except BaseException:
                process.kill()
                raise
        said = log.read_text(errors="replace").strip()
        if process.returncode == EXIT_USER_ERROR:
            raise UserError(said.splitlines()[-1].removeprefix("error: "))
        if process.returncode:
            raise RuntimeError(f"the benchmark of {model.name} broke: {said}")
        return dict(files.read_json(out))


def measure(
    model: Path,
    requests: list[Request],
    hot_requests: list[Request],
    settings: Settings,
    started: float | None = None,
) -> dict[str, Any]:
    """Answer every request under the grammar and freely, the hot ones also at a high temperature.

    started: when the process was, by `time.monotonic`. Returns, beside figures about the process and the model, lists
    in the order of the requests: `grammar` and `free` (one answer each, those of further rounds in `again`), `hot` (a
    list of answers per hot request).
    """
    from ..generate import Generator

    if settings.cold:
        _drop_from_page_cache(model)
    loading = time.monotonic()
    with Generator(model, n_threads=settings.threads) as generator:
        ready = time.monotonic()
        ask = _Asking(generator, settings)
        # The first answer pays for what is only done once; the lamp's owner waits for the later ones.
        first = ask("hello", max_tokens=8)
        under_grammar = [ask(prompt) for prompt in requests]
        # Peak memory of serving: measured before the free answers, which no device gives.
        peak = peak_rss_mb()
        free = [ask(prompt, grammar=False) for prompt in requests]
        again = []
        for _ in range(settings.rounds - 1):
            further = [ask(prompt) for prompt in requests]
            again.append({"grammar": further, "free": [ask(prompt, grammar=False) for prompt in requests]})
        return {
            "grammar": under_grammar,
            "free": free,
            "again": again,
            "hot": [[ask(prompt, seed=seed) for seed in range(settings.hot_seeds)] for prompt in hot_requests],
            "peak_rss_mb": peak,
            "start_ms": None if started is None else 1000 * (ready - started),
            "load_ms": 1000 * (ready - loading),
            "first": first,
            "prefill": _prefill(ask, requests),
            "threads": generator.n_threads,
            "model": model_metadata(generator),
            "llama": llama_build(),
        }


class _Asking:
    """Puts requests to a model and times it: from the request to the finished program."""

    def __init__(self, generator: Generator, settings: Settings) -> None:
        self.generator, self.settings = generator, settings
        self.format = generator.request_format()

    def text(self, request: Request) -> str:
        """The request in the model's chat template."""
        messages = self.format.messages(request) if isinstance(request, str) else request
        return self.generator.prompt(messages)

    def __call__(
        self, request: Request, *, grammar: bool = True, seed: int | None = None, max_tokens: int | None = None
    ) -> dict[str, Any]:
        """An answer. render_ms: until the prompt was text; first_token_ms begins there. total_ms has both."""
        start = time.perf_counter()
        prompt = self.text(request)
        rendered = time.perf_counter()
        answer = self.generator.generate(
            prompt,
            temperature=self.settings.temperature if seed is None else self.settings.hot_temperature,
            seed=seed or 0,
            grammar=grammar,
            max_tokens=max_tokens or self.settings.max_tokens,
        )
        total = time.perf_counter() - start
        sys.stdout.write(".\n")
        sys.stdout.flush()
        return {**asdict(answer), "total_ms": 1000 * total, "render_ms": 1000 * (rendered - start)}


def _prefill(ask: _Asking, requests: list[Request]) -> list[dict[str, Any]]:
    """Prompts of which nothing is kept, evaluated up to the first token."""
    wanted = ask.settings.prefill_tokens
    texts = itertools.cycle([ask.text(request) for request in requests])
    tokens: list[int] = []
    while len(tokens) < wanted + _PREFILL_REPEATS:
        tokens += ask.generator.tokens(next(texts))
    # Each begins with another token, so that no block is that of the prompt before.
    prompts = [tokens[number : number + wanted] for number in range(_PREFILL_REPEATS)] if wanted else []
    answers = [ask.generator.generate(prompt, max_tokens=1, grammar=False) for prompt in prompts]
    return [{"n_prompt": answer.n_prompt, "first_token_ms": answer.first_token_ms} for answer in answers]


def is_valid(text: str) -> bool:
    """Whether a text is a valid program."""
    from ...lamp import validation

    try:
        validation.parse(text)
    except validation.InvalidProgram:
        return False
    return True


def model_metadata(generator: Generator) -> dict[str, Any]:
    """name and quant of the model, None where the file does not say; lineage: the hashes of what made it."""
    from llama_cpp import llama_cpp as llama

    key = ctypes.create_string_buffer(_KEY_BYTES)
    found = {}
    for index in range(llama.llama_model_meta_count(generator._model)):
        llama.llama_model_meta_key_by_index(generator._model, index, key, len(key))
        name = key.value.decode(errors="replace")
        if name.startswith(_PREFIX) or name in ("general.name", "general.file_type"):
            found[name] = generator.metadata(name)
    kinds = {str(value): name.partition("_FTYPE_")[2] for name, value in vars(llama).items() if "_FTYPE_" in name}
    asking = {f"{_PREFIX}{name}" for name in _ASKING}
    return {
        "name": found.get("general.name"),
        "quant": kinds.get(found.get("general.file_type", ""), "").removeprefix("MOSTLY_").removeprefix("ALL_") or None,
        "lineage": {
            name.removeprefix(_PREFIX): value
            for name, value in sorted(found.items())
            if name.startswith(_PREFIX) and name not in asking
        },
    }


def llama_build() -> dict[str, str | None]:
    """Versions of the llama.cpp that is loaded, and what of the CPU it was built to use."""
    from importlib.metadata import version

    from llama_cpp import llama_cpp as llama

    said = {"ggml_version": "", "ggml_commit": ""}  # ggml is the part of it that computes
    for name in said:
        with contextlib.suppress(AttributeError):  # a function that other builds may not have
            function = getattr(llama._lib, name)
            function.restype = ctypes.c_char_p
            said[name] = function().decode()
    return {
        "llama_cpp_python": version("llama-cpp-python"),
        "llama_cpp": " ".join(filter(None, said.values())) or None,
        "features": llama.llama_print_system_info().decode().strip(" |"),
    }


def peak_rss_mb() -> float:
    """Peak resident memory of this process so far, in MB (10^6 bytes)."""
    if sys.platform == "linux":
        # Not ru_maxrss: that begins with the memory of the process that started this one.
        status = Path("/proc/self/status").read_text()
        return round(int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6, 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak * (1 if sys.platform == "darwin" else 1024) / 1e6, 1)


def _drop_from_page_cache(path: Path) -> None:
    if hasattr(os, "posix_fadvise"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


if __name__ == "__main__":
    main()
