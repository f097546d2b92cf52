"""Ask the model the validation requests, which it was never trained on, and check each answer against its meaning.

In:   GGUF files, trainset (val.jsonl: who is asked; train.jsonl: for the baseline without a model), screened.jsonl
      (what each request means), data/seed
Out:  metrics (valid, on brief, by category; the baseline beside them), every answer with its verdict, a plot
Holds: answers are given under the grammar at temperature 0; nothing is repaired. The baseline is the answer of the
      nearest training request. Rows whose meaning is not known are asked for validity only.
Run:  python -m stages.score_quality --models models/gguf
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from . import files, params
from .command import stage
from .device.model_files import model_file
from .errors import UserError
from .lamp import brief, taxonomy, validation
from .lamp.retrieval import nearest_answers
from .tracking import lineage


@dataclass(frozen=True)
class Params:
    """Section score_quality of params.yaml; its comments say what each key does."""

    quant: str
    threads: int
    max_tokens: int


@dataclass(frozen=True)
class Asked:
    """A validation request. meaning: None where it is not known. running: the program that runs, if one does."""

    id: str
    prompt: str
    kind: str
    messages: list[dict[str, str]]
    meaning: Any
    running: str | None


@dataclass(frozen=True)
class Verdict:
    """What became of a request. off_brief: reasons, empty when the answer is what was asked for."""

    asked: Asked
    text: str
    valid: bool
    off_brief: list[str]
    total_ms: float = 0.0

    @property
    def on_brief(self) -> bool:
        """Valid and what was asked for."""
        return self.valid and not self.off_brief


@stage(
    __doc__,
    models="models/gguf",
    trainset="data/lamp/trainset",
    screened="data/lamp/screened.jsonl",
    seed_folder="data/seed",
    metrics="metrics/score_quality.json",
    answers="metrics/score_quality_answers.jsonl",
    plots="metrics/plots/score_quality",
)
def main(
    models: Path,
    trainset: Path,
    screened: Path,
    seed_folder: Path,
    metrics: Path,
    answers: Path,
    plots: Path,
    params_path: Path,
) -> None:
    knobs = params.load(Params, "score_quality", params_path)
    from .tracking import runs

    chain = {"gguf": lineage.dvc_hash(models), "trainset": lineage.dvc_hash(trainset)}
    tracker = runs.Tracker("lamp-benchmark", "score_quality", {**chain, "params": lineage.params_hash(asdict(knobs))})
    words = taxonomy.load(seed_folder)
    asked = validation_requests(trainset, screened)
    given = list(answered(asked, model_file(models, knobs.quant), knobs, words))
    nearest = nearest_answers([one.prompt for one in asked], trainset / "train.jsonl")
    baseline = [judged(one, text, words) for one, text in zip(asked, nearest, strict=True)]
    summary = score(given, baseline)
    files.write_json(metrics, summary)
    files.write_rows(answers, map(answer_row, given))
    write_plot(plots, summary)
    tracker.log(asdict(knobs), {key: value for key, value in summary.items() if key != "by_category"}, [], trainset, {})
    click.echo(line(summary, knobs.quant))


def validation_requests(trainset: Path, screened: Path) -> list[Asked]:
    """The rows of val.jsonl with what they mean, in order. Raises UserError for no rows and for unknown ones."""
    path = trainset / "val.jsonl"
    wanted = {row["id"]: row["messages"] for row in files.read_rows(path, ("id", "messages"))}
    if not wanted:
        raise UserError(f"{path}: no rows to ask; raise lamp_trainset.validation_share and run dvc repro lamp_trainset")
    known = {row["id"]: row for row in files.read_rows(screened, ("id", "prompt", "category")) if row["id"] in wanted}
    missing = [identity for identity in wanted if identity not in known]
    if missing:
        raise UserError(
            f"{path}: {len(missing)} of {len(wanted)} rows are not in {screened}, the first is {missing[0]};"
            " make both from the same data (dvc repro lamp_trainset)"
        )
    return [
        Asked(
            identity,
            known[identity]["prompt"],
            "follow_up" if "running" in known[identity] else known[identity]["category"],
            messages[:-1],
            known[identity].get("meaning"),
            known[identity].get("running"),
        )
        for identity, messages in wanted.items()
    ]


def answered(asked: list[Asked], model: Path, knobs: Params, words: taxonomy.Taxonomy) -> Iterator[Verdict]:
    """The model's answer to each request, judged; with a progress bar."""
    from tqdm import tqdm

    from .device.generate import Generator

    with Generator(model, n_threads=knobs.threads) as generator:
        for one in tqdm(asked, desc=model.stem, unit="request", leave=False):
            answer = generator.generate(generator.prompt(one.messages), max_tokens=knobs.max_tokens)
            yield judged(one, answer.text, words, answer.total_ms)


def judged(asked: Asked, text: str, words: taxonomy.Taxonomy, total_ms: float = 0.0) -> Verdict:
    """Validity and brief of one answer."""
    try:
        program = validation.parse(text)
    except validation.InvalidProgram as invalid:
        return Verdict(asked, text, False, [str(invalid.defects[0])], total_ms)
    if asked.meaning is None:
        return Verdict(asked, text, True, [], total_ms)
    running = validation.parse(asked.running) if asked.running else None
    return Verdict(asked, text, True, brief.off_brief(asked.meaning, program, words, running), total_ms)


def score(given: list[Verdict], baseline: list[Verdict]) -> dict[str, Any]:
    """The figures; shares are 0..1, times in ms."""
    by_kind: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in given:
        by_kind[verdict.asked.kind].append(verdict)
    return {
        "n": len(given),
        "valid": share([verdict.valid for verdict in given]),
        "on_brief": on_brief_share(given),
        "baseline_on_brief": on_brief_share(baseline),
        "median_ms": round(statistics.median(verdict.total_ms for verdict in given), 1),
        "by_category": {
            kind: {"n": len(verdicts), "on_brief": on_brief_share(verdicts)}
            for kind, verdicts in sorted(by_kind.items())
        },
    }


def share(passed: list[bool]) -> float | None:
    """The share of what passed, to four digits; None of nothing."""
    return round(sum(passed) / len(passed), 4) if passed else None


def on_brief_share(verdicts: list[Verdict]) -> float | None:
    """The share of the requests with a known meaning whose answer is on brief."""
    return share([verdict.on_brief for verdict in verdicts if verdict.asked.meaning is not None])


def answer_row(verdict: Verdict) -> dict[str, Any]:
    """One request's answer, without times, so that the file is the same for the same model."""
    return {
        "id": verdict.asked.id,
        "prompt": verdict.asked.prompt,
        "category": verdict.asked.kind,
        "valid": verdict.valid,
        "on_brief": verdict.on_brief,
        "reasons": verdict.off_brief,
        "response": verdict.text,
    }


def write_plot(folder: Path, summary: dict[str, Any]) -> None:
    """On-brief shares by category as CSV, in percent."""
    lines = ["category,on_brief"]
    known = {kind: figures["on_brief"] for kind, figures in summary["by_category"].items()}
    lines += [f"{kind},{100 * on_brief:.1f}" for kind, on_brief in known.items() if on_brief is not None]
    with files.published_folder(folder) as temporary:
        (temporary / "on_brief.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def line(summary: dict[str, Any], quant: str) -> str:
    """The result in one line."""
    valid, on_brief, baseline = (_percent(summary[key]) for key in ("valid", "on_brief", "baseline_on_brief"))
    return (
        f"{quant}: {summary['n']} validation requests, {valid} valid, {on_brief} on brief"
        f" (nearest training request: {baseline}), median {summary['median_ms']:.0f} ms"
    )


def _percent(part: float | None) -> str:
    return "unknown" if part is None else f"{100 * part:.1f} %"


if __name__ == "__main__":
    main()
