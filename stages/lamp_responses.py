"""Have a teacher answer the requests with lamp programs.

In:   prompts.jsonl, data/seed; for teacher=import a JSON Lines file of prompt, category, response; for
      teacher=anthropic the store of paid answers, which no pipeline deletes
Out:  responses.jsonl, rows of id, prompt, category, response (the program as a JSON string), and the
      request's meaning where it is known; unanswered.jsonl, the requests without an answer, with reasons
Holds: seen = answered + unanswered, each in the order of the requests; only the anthropic teacher leaves any
      unanswered. With teacher=import one row per imported row, answers untouched.
Run:  python -m stages.lamp_responses --prompts data/lamp/prompts.jsonl --out data/lamp/responses.jsonl
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import click

from .command import stage
from .lamp.teachers.anthropic_knobs import Knobs


@dataclass(frozen=True)
class Params:
    """Section lamp_responses of params.yaml; its comments say what each key does."""

    teacher: Literal["rule_based", "import", "anthropic"]
    seed: int
    import_file: str
    anthropic: Knobs


@stage(
    __doc__,
    seed_folder="data/seed",
    prompts="data/lamp/prompts.jsonl",
    out="data/lamp/responses.jsonl",
    unanswered="data/lamp/unanswered.jsonl",
)
def main(seed_folder: Path, prompts: Path, out: Path, unanswered: Path, params_path: Path) -> None:
    from . import files, params

    knobs = params.load(Params, "lamp_responses", params_path)
    left: list[dict[str, Any]] = []
    if knobs.teacher == "import":
        answers = imported(Path(knobs.import_file))
    else:
        requests = files.read_rows(prompts, ("id", "prompt", "category", "meaning"))
        if knobs.teacher == "anthropic":
            answers = asked(requests, knobs.anthropic, left)
        else:
            answers = answered(requests, seed_folder, knobs.seed)
    count = files.write_rows(out, answers)
    files.write_rows(unanswered, left)
    click.echo(f"{out}: {count} answers by {knobs.teacher}" + f", {len(left)} requests unanswered" * bool(left))


def answered(requests: Iterator[dict[str, Any]], seed_folder: Path, seed: int) -> Iterator[dict[str, Any]]:
    """The rule-based teacher's answer to each request."""
    from .lamp import taxonomy
    from .lamp.program import compact
    from .lamp.teachers.rule_based import RuleBased

    teacher = RuleBased(taxonomy.load(seed_folder), seed)
    for request in requests:
        yield _row(request, compact(teacher.answer(request)))  # type: ignore[arg-type]


def asked(requests: Iterator[dict[str, Any]], knobs: Knobs, left: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The Anthropic teacher's answer to each request; requests without one go to `left`, with reasons."""
    from .lamp.teachers import anthropic_teacher

    for request, response, reasons in anthropic_teacher.answers(list(requests), knobs):
        if response is None:
            left.append({**request, "reasons": reasons})
        else:
            yield _row(request, response)


def _row(request: dict[str, Any], response: str) -> dict[str, Any]:
    return {
        "id": request["id"],
        "prompt": request["prompt"],
        "category": request["category"],
        "response": response,
        "meaning": request["meaning"],
    }


def imported(path: Path) -> Iterator[dict[str, Any]]:
    """Existing answers, as they are; their ids hang on the prompt, not on the place in the file."""
    from .lamp.teachers import imports

    return imports.answers(path)


if __name__ == "__main__":
    main()
