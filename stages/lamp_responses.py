"""Have a teacher answer the requests with lamp programs.

In:   prompts.jsonl, data/seed; for teacher=import a JSON Lines file of prompt, category, response
Out:  responses.jsonl, rows of id, prompt, category, response (the program as a JSON string), and the
      request's meaning where it is known
Holds: one row per request, in order; with teacher=import one row per imported row, answers untouched.
Run:  python -m stages.lamp_responses --prompts data/lamp/prompts.jsonl --out data/lamp/responses.jsonl
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import click

from .command import stage


@dataclass(frozen=True)
class Params:
    """Section lamp_responses of params.yaml; its comments say what each key does."""

    teacher: Literal["rule_based", "import"]
    seed: int
    import_file: str


@stage(__doc__, seed_folder="data/seed", prompts="data/lamp/prompts.jsonl", out="data/lamp/responses.jsonl")
def main(seed_folder: Path, prompts: Path, out: Path, params_path: Path) -> None:
    from . import files, params

    knobs = params.load(Params, "lamp_responses", params_path)
    if knobs.teacher == "import":
        answers = imported(Path(knobs.import_file))
    else:
        answers = answered(files.read_rows(prompts, ("id", "prompt", "category", "meaning")), seed_folder, knobs.seed)
    count = files.write_rows(out, answers)
    click.echo(f"{out}: {count} answers by {knobs.teacher}")


def answered(requests: Iterator[dict[str, Any]], seed_folder: Path, seed: int) -> Iterator[dict[str, Any]]:
    """The rule-based teacher's answer to each request."""
    from .lamp import taxonomy
    from .lamp.program import compact
    from .lamp.teachers.rule_based import RuleBased

    teacher = RuleBased(taxonomy.load(seed_folder), seed)
    for request in requests:
        response = compact(teacher.answer(request))  # type: ignore[arg-type]
        yield {
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
