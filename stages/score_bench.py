"""Benchmark the GGUF files on the 21 held-out requests with llama.cpp on the CPU.

In:   GGUF files, trainset (for the baseline without a model), data/seed (requests, checks, unseen objects)
Out:  metrics (per quant), every answer with its verdict, a contact sheet of what the lamp shows, plots
Holds: each quant runs in a process of its own; "valid" is strict validation, "on brief" the written check of
      each request's meaning; nothing is repaired. The baseline is the answer of the nearest training request.
Run:  python -m stages.score_bench --models models/gguf
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from . import files, params
from .command import stage
from .device.benchmark import bench
from .device.model_files import model_file
from .lamp import brief, held_out, pixel_art, taxonomy, validation
from .lamp.request import Meaning
from .lamp.retrieval import nearest_answers
from .tracking import lineage

# Shown on the contact sheet: what people would run on the Pi.
_SHEET_QUANT = "Q4_K_M"
_SHEET_COLUMNS = 8
_SHEET_FRAMES = 7


@dataclass(frozen=True)
class Params:
    """Section score_bench of params.yaml; its comments say what each key does."""

    quants: tuple[str, ...]
    threads: int
    max_tokens: int
    temperature: float
    hot_temperature: float
    hot_seeds: int


@dataclass(frozen=True)
class Prompt:
    """A request of the benchmark. unseen: its object never occurs in training."""

    text: str
    category: str
    meaning: Meaning
    unseen: bool


@dataclass(frozen=True)
class Verdict:
    """What became of one request. off_brief: reasons, empty when the answer is what was asked for."""

    prompt: Prompt
    text: str
    valid: bool
    off_brief: list[str]

    @property
    def on_brief(self) -> bool:
        """Valid and what was asked for."""
        return self.valid and not self.off_brief


@stage(
    __doc__,
    models="models/gguf",
    trainset="data/lamp/trainset",
    seed_folder="data/seed",
    metrics="metrics/score_bench.json",
    answers="metrics/score_bench_answers.jsonl",
    plots="metrics/plots/score_bench",
)
def main(
    models: Path,
    trainset: Path,
    seed_folder: Path,
    metrics: Path,
    answers: Path,
    plots: Path,
    params_path: Path,
) -> None:
    knobs = params.load(Params, "score_bench", params_path)
    from .tracking import runs

    chain = {"gguf": lineage.dvc_hash(models), "params": lineage.params_hash(asdict(knobs))}
    tracker = runs.Tracker("lamp-benchmark", "score_bench", chain)
    words = taxonomy.load(seed_folder)
    prompts = benchmark_prompts(words, seed_folder)
    baseline = judge(prompts, nearest_answers([prompt.text for prompt in prompts], trainset / "train.jsonl"), words)
    measured = {quant: run_on_device(models, quant, prompts, knobs) for quant in knobs.quants}
    verdicts = {quant: judge(prompts, texts(run["grammar"]), words) for quant, run in measured.items()}
    summary = {
        quant: score(prompts, run, verdicts[quant], baseline, model_file(models, quant), words)
        for quant, run in measured.items()
    }
    files.write_json(metrics, summary)
    files.write_rows(answers, answer_rows(verdicts, baseline))
    write_plots(plots, summary, verdicts, words)
    knobs_and_sums = asdict(knobs) | sums(models, knobs.quants)
    run_id = tracker.log(knobs_and_sums, flat(summary), [], trainset, {"gguf": models})
    tracker.log_artifact(run_id, plots / "contact_sheet.png")
    print_table(summary)


def sums(models: Path, quants: Iterable[str]) -> dict[str, str]:
    """`sha256/Q4_K_M` and so on: by these the runs of devices find that of the file that they measured."""
    listed = files.read_json(models / "manifest.json")["files"]
    return {f"sha256/{quant}": listed[model_file(models, quant).name]["sha256"] for quant in quants}


def benchmark_prompts(words: taxonomy.Taxonomy, seed_folder: Path) -> list[Prompt]:
    """The 21 requests, then one for each object that never occurs in training."""
    known = [
        Prompt(entry.prompt, entry.category, entry.meaning, unseen=False)
        for entry in held_out.benchmark(seed_folder / "benchmark.yaml")
    ]
    unseen = [
        Prompt(_plain_request(picture), "unseen_object", {"intent": "picture", "object": name}, unseen=True)
        for name, picture in words.pictures.items()
        if picture.group == taxonomy.UNSEEN_GROUP
    ]
    return known + unseen


def _plain_request(picture: pixel_art.Picture) -> str:
    article = "a" if picture.article is None else picture.article
    return " ".join(word for word in ("draw", article, picture.say[0]) if word)


def run_on_device(models: Path, quant: str, prompts: list[Prompt], knobs: Params) -> dict[str, Any]:
    """Answers and measurements of one quant, from a process of its own."""
    click.echo(f"{quant}: answering {len(prompts)} requests ...")
    settings = bench.Settings(**{key: value for key, value in asdict(knobs).items() if key != "quants"})
    hot = [prompt.text for prompt in prompts if not prompt.unseen]
    return bench.measured_apart(model_file(models, quant), [prompt.text for prompt in prompts], hot, settings)


def texts(answers: list[dict[str, Any]]) -> list[str]:
    """The programs among measured answers."""
    return [answer["text"] for answer in answers]


def judge(prompts: list[Prompt], given: list[str], words: taxonomy.Taxonomy) -> list[Verdict]:
    """Validity and brief of one answer per prompt."""
    verdicts = []
    for prompt, text in zip(prompts, given, strict=True):
        try:
            reasons = brief.off_brief(prompt.meaning, validation.parse(text), words)
            verdicts.append(Verdict(prompt, text, True, reasons))
        except validation.InvalidProgram as invalid:
            verdicts.append(Verdict(prompt, text, False, [str(invalid.defects[0])]))
    return verdicts


def score(
    prompts: list[Prompt],
    run: dict[str, Any],
    verdicts: list[Verdict],
    baseline: list[Verdict],
    file: Path,
    words: taxonomy.Taxonomy,
) -> dict[str, Any]:
    """The figures of one quant. Times are of the 21 known requests under the grammar, in ms."""
    known = [number for number, prompt in enumerate(prompts) if not prompt.unseen]
    answers = [run["grammar"][number] for number in known]
    free = judge(prompts, texts(run["free"]), words)
    hot = [answer["text"] for answers_of_one in run["hot"] for answer in answers_of_one]
    decoded = sum(answer["n_tokens"] - 1 for answer in answers)
    return {
        "n": len(known),
        "valid": sum(verdicts[number].valid for number in known),
        "valid_free": sum(free[number].valid for number in known),
        "valid_hot": sum(map(bench.is_valid, hot)),
        "n_hot": len(hot),
        "on_brief": sum(verdicts[number].on_brief for number in known),
        "on_brief_free": sum(free[number].on_brief for number in known),
        "baseline_on_brief": sum(baseline[number].on_brief for number in known),
        "n_unseen": len(prompts) - len(known),
        "unseen_on_brief": sum(verdict.on_brief for verdict in verdicts if verdict.prompt.unseen),
        "median_ms": round(statistics.median(answer["total_ms"] for answer in answers), 1),
        "first_token_ms": round(statistics.median(answer["first_token_ms"] for answer in answers), 1),
        "decode_tps": round(1000 * decoded / sum(answer["decode_ms"] for answer in answers)),
        "tokens": round(statistics.median(answer["n_tokens"] for answer in answers)),
        "peak_rss_mb": run["peak_rss_mb"],
        "file_mb": round(file.stat().st_size / 1e6, 2),
    }


def answer_rows(verdicts: dict[str, list[Verdict]], baseline: list[Verdict]) -> list[dict[str, Any]]:
    """One row per request and quant, and one per request for the baseline: what was answered, and why not.

    Without times, so that the file is the same for the same models.
    """
    rows = []
    for who, judged in {"baseline": baseline, **verdicts}.items():
        for verdict in judged:
            row = {
                "quant": who,
                "prompt": verdict.prompt.text,
                "category": verdict.prompt.category,
                "valid": verdict.valid,
                "on_brief": verdict.on_brief,
                "reasons": verdict.off_brief,
                "response": verdict.text,
            }
            rows.append(row)
    return rows


def write_plots(
    folder: Path, summary: dict[str, Any], verdicts: dict[str, list[Verdict]], words: taxonomy.Taxonomy
) -> None:
    """The contact sheet, and on-brief counts per quant with the baseline as CSV."""
    from .lamp import picture

    shown = verdicts.get(_SHEET_QUANT) or next(iter(verdicts.values()))
    lines = ["who,on_brief", *(f"{quant},{figures['on_brief']}" for quant, figures in summary.items())]
    lines.append(f"nearest request,{next(iter(summary.values()))['baseline_on_brief']}")
    with files.published_folder(folder) as temporary:
        picture.contact_sheet([_entry(verdict) for verdict in shown], _SHEET_COLUMNS).save(
            temporary / "contact_sheet.png"
        )
        (temporary / "on_brief.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _entry(verdict: Verdict) -> Any:
    from .lamp import picture
    from .lamp.moments import key_moments
    from .lamp.simulator import Schedule, frame_at

    why = "on brief" if verdict.on_brief else "; ".join(verdict.off_brief)
    frames = []
    if verdict.valid:
        program = validation.parse(verdict.text)
        moments = key_moments(Schedule(program), _SHEET_FRAMES)
        frames = [frame_at(program, moment) for moment in moments]
    return picture.Entry(verdict.prompt.text, why, verdict.on_brief, frames)


def flat(summary: dict[str, Any]) -> dict[str, Any]:
    """`Q4_K_M/on_brief` and so on, as MLflow wants its metrics."""
    return {f"{quant}/{name}": value for quant, figures in summary.items() for name, value in figures.items()}


def print_table(summary: dict[str, Any]) -> None:
    """The figures for people."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title="21 held-out requests, under the grammar")
    columns = ["valid", "free", "hot", "on brief", "nearest request", "unseen objects"]
    columns += ["median ms", "tokens/s", "MB file", "MB peak"]
    table.add_column("quant")
    for name in columns:
        table.add_column(name, justify="right")
    for quant, one in summary.items():
        table.add_row(
            quant,
            f"{one['valid']}/{one['n']}",
            f"{one['valid_free']}/{one['n']}",
            f"{one['valid_hot']}/{one['n_hot']}",
            f"{one['on_brief']}/{one['n']}",
            f"{one['baseline_on_brief']}/{one['n']}",
            f"{one['unseen_on_brief']}/{one['n_unseen']}",
            f"{one['median_ms']:.0f}",
            f"{one['decode_tps']:,}",
            f"{one['file_mb']:.2f}",
            f"{one['peak_rss_mb']:.0f}",
        )
    Console(width=130).print(table)


if __name__ == "__main__":
    main()
