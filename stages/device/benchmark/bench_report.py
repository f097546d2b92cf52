"""What one benchmark found, as the one JSON file that goes from the device to the host.

Comes in: what `bench.measure` returns, each answer with `valid`. Goes out: `Figures`, which are a part of a `Report`.
Always holds: what is not known is null; times are ms of wall time, speeds tokens per second, MB are 10^6 bytes.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from ... import files
from ...errors import UserError
from .sensors import Machine, State

FORMAT: Literal["lampforge-bench-1"] = "lampforge-bench-1"
# What MLflow can take as names and values, and its queries in quotes.
Name = Annotated[str, msgspec.Meta(pattern=r"^\w[\w.:-]{0,99}$")]
Hash = Annotated[str, msgspec.Meta(pattern=r"^[\w.:-]{1,100}$")]
Text = Annotated[str, msgspec.Meta(max_length=500)]
Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 40)]

Answer = Mapping[str, Any]
"""An answer as `bench.measure` returns it."""


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """The GGUF file. lineage: its metadata `lampforge.*` that are hashes (trainset, base, adapter, params, data.*)."""

    file: Text
    name: Text
    quant: Name
    sha256: Hash
    file_mb: float
    lineage: dict[Name, Hash]


class Software(msgspec.Struct, frozen=True, kw_only=True):
    """What ran. llama_cpp: version and commit of its ggml. features: what of the CPU it uses."""

    lampforge: Text
    python: Text
    llama_cpp_python: Text | None
    llama_cpp: Text | None
    features: Text | None


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How it was measured. requests: the file's name, whose content has the sha256. hot_*: null without --hot."""

    threads: Count
    rounds: Count
    max_tokens: Count
    requests: Text
    requests_sha256: Hash
    hot_temperature: float | None
    hot_seeds: Count | None


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """Half of all are below p50, the median; 95 % are below p95."""

    p50: float
    p95: float


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured, under the grammar unless it says free.

    n: requests. valid: answers that are valid programs, of n; valid_hot of n_hot, at a high temperature. cut: those
    that became as long as they may, and were closed there.
    start_ms: from the start of a process to a loaded model; load_ms: of that the file, read from the disk and not out
    of the page cache where the system lets go of it. first_token_cold_ms: of the first request after that;
    first_token_ms: of the later ones; program_ms: from the request to its whole and valid program.
    prefill_tps: prompt tokens, none of which was kept. decode_tps: of the answer, behind its first token.
    grammar_cost_percent: what the grammar takes of the free speed, over the requests whose answers are the same without
    it, each in its median round; null where none is. tokens: of an answer, median. peak_rss_mb: of the process while it
    answers under the grammar, as a device does.
    """

    n: Count
    valid: Count
    cut: Count
    valid_free: Count
    n_hot: Count | None
    valid_hot: Count | None
    start_ms: float | None
    load_ms: float
    first_token_cold_ms: float
    first_token_ms: Spread
    program_ms: Spread | None
    prefill_tps: float | None
    decode_tps: float | None
    decode_free_tps: float | None
    grammar_cost_percent: float | None
    tokens: float
    peak_rss_mb: float


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """One request of the first round. prompt: what was asked, the last turn of a conversation."""

    prompt: str
    valid: bool
    tokens: Count
    first_token_ms: float
    program_ms: float
    text: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One benchmark. measured_at: UTC. void: why its figures say little; null: they hold. during: null when short."""

    format: Literal["lampforge-bench-1"]
    measured_at: Text
    void: Text | None
    model: Model
    machine: Machine
    software: Software
    settings: Settings
    before: State
    during: State | None
    after: State
    figures: Figures
    answers: list[Answered]


def write(path: Path, report: Report) -> None:
    """Publish a report, whole or not at all."""
    files.write_json(path, msgspec.to_builtins(report))


def is_report(path: Path) -> bool:
    """Whether a file claims to be a report; it may be a broken one."""
    try:
        value = files.read_json(path)
    except UserError:
        return False
    return isinstance(value, dict) and value.get("format") == FORMAT


def read(path: Path) -> Report:
    """The report in a file. Raises UserError, one line, for a file that is none."""
    if not path.is_file():
        raise UserError(f"{path}: no such file; give a report that `lampforge bench` wrote")
    value = files.read_json(path)
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise UserError(f"{path}: no report of `lampforge bench`; give the file that its --out names")
    try:
        return msgspec.convert(value, Report)
    except msgspec.ValidationError as error:
        raise UserError(f"{path}: a broken report ({error}); measure again with `lampforge bench`") from None


def figures(measured: Mapping[str, Any], n_hot: int | None) -> Figures:
    """The figures of what `bench.measure` returned, of one request or more. n_hot: answers that were to be hot ones."""
    rounds = [measured, *measured["again"]]
    grammar = [answer for each in rounds for answer in each["grammar"]]
    free = [answer for each in rounds for answer in each["free"]]
    complete = [answer["total_ms"] for answer in grammar if answer["valid"]]
    return Figures(
        n=len(measured["grammar"]),
        valid=_valid(measured["grammar"]),
        cut=sum(not answer["finished"] for answer in measured["grammar"]),
        valid_free=_valid(measured["free"]),
        n_hot=n_hot,
        valid_hot=None if n_hot is None else sum(map(_valid, measured["hot"])),
        start_ms=_rounded(measured["start_ms"]),
        load_ms=round(measured["load_ms"], 1),
        first_token_cold_ms=round(first_token_ms(measured["first"]), 1),
        first_token_ms=spread([first_token_ms(answer) for answer in grammar]),
        program_ms=spread(complete) if complete else None,
        prefill_tps=_per_second((each["n_prompt"], each["first_token_ms"]) for each in measured["prefill"]),
        decode_tps=_speed(grammar, _behind_the_first),
        decode_free_tps=_speed(free, _behind_the_first_and_end),
        grammar_cost_percent=_grammar_cost(rounds),
        tokens=statistics.median(answer["n_tokens"] for answer in grammar),
        peak_rss_mb=measured["peak_rss_mb"],
    )


def answered(prompts: Iterable[str], answers: Sequence[Answer]) -> list[Answered]:
    """What was asked with what was answered."""
    return [
        Answered(
            prompt=prompt,
            valid=answer["valid"],
            tokens=answer["n_tokens"],
            first_token_ms=round(first_token_ms(answer), 2),
            program_ms=round(answer["total_ms"], 2),
            text=answer["text"],
        )
        for prompt, answer in zip(prompts, answers, strict=True)
    ]


def first_token_ms(answer: Answer) -> float:
    """From the request to the first token: the chat template and tokenising included."""
    return float(answer["render_ms"] + answer["first_token_ms"])


def spread(values: Sequence[float]) -> Spread:
    """Median and 95th percentile of one value or more, to a tenth."""
    top = statistics.quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]
    return Spread(p50=round(statistics.median(values), 1), p95=round(top, 1))


def _valid(answers: Iterable[Answer]) -> int:
    return sum(answer["valid"] for answer in answers)


def _behind_the_first(answer: Answer) -> int:
    return max(0, int(answer["n_tokens"]) - 1)


def _behind_the_first_and_end(answer: Answer) -> int:
    # Without the grammar the end token is computed, too, though it is no part of the text.
    return _behind_the_first(answer) + int(answer["finished"] and answer["n_tokens"] > 0)


def _speed(answers: Sequence[Answer], computed: Callable[[Answer], int]) -> float | None:
    return _per_second((computed(answer), answer["decode_ms"]) for answer in answers)


def _per_second(measured: Iterable[tuple[int, float]]) -> float | None:
    """Tokens per second, of (tokens, ms)."""
    pairs = list(measured)
    tokens, ms = sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)
    return round(1000 * tokens / ms, 1) if tokens and ms > 0 else None


def _grammar_cost(rounds: Sequence[Mapping[str, Any]]) -> float | None:
    """Percent of the free speed, each request in its median round: in the first one the grammar is still learnt."""
    with_it, without = (
        [_median(answers) for answers in zip(*(each[how] for each in rounds), strict=True)]
        for how in ("grammar", "free")
    )
    pairs = [(ours, theirs) for ours, theirs in zip(with_it, without, strict=True) if ours["text"] == theirs["text"]]
    speed = _speed([pair[0] for pair in pairs], _behind_the_first)
    free_speed = _speed([pair[1] for pair in pairs], _behind_the_first_and_end)
    return round(100 * (1 - speed / free_speed), 1) if speed and free_speed else None


def _median(answers: Sequence[Answer]) -> Answer:
    """Of the answers to one request, which are all the same, the one of median speed."""
    return sorted(answers, key=lambda answer: float(answer["decode_ms"]))[len(answers) // 2]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
