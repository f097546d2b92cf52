"""Have a teacher answer the requests with lamp programs.

In:   prompts.jsonl, data/seed; for teacher=import a JSON Lines file of prompt, category, response; for
      teacher=anthropic the store of paid answers, which no pipeline deletes
Out:  responses.jsonl, the rows of the requests with `response` (the program as a JSON string), a follow-up
      ("slower") also said over programs that are `running`; unanswered.jsonl, what has no answer, with reasons
Holds: seen = answered + unanswered, each in the order of the requests; only the anthropic teacher leaves any
      unanswered. With teacher=import one row per imported row, answers untouched.
Run:  python -m stages.lamp_responses --prompts data/lamp/prompts.jsonl --out data/lamp/responses.jsonl
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from .command import stage
from .lamp.teachers.anthropic_knobs import Knobs

if TYPE_CHECKING:
    from .lamp.teachers.rule_based import RuleBased


@dataclass(frozen=True)
class Params:
    """Section lamp_responses of params.yaml; its comments say what each key does."""

    teacher: Literal["rule_based", "import", "anthropic"]
    seed: int
    follow_ups: int
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
    from . import files, params, workers

    knobs = params.load(Params, "lamp_responses", params_path)
    left: list[dict[str, Any]] = []
    if knobs.teacher == "import":
        answers = imported(Path(knobs.import_file))
    else:
        from .lamp.teachers.rule_based import teacher

        requests = files.read_rows(prompts, ("id", "prompt", "category", "meaning"))
        rules = partial(teacher, seed_folder, knobs.seed)
        said = workers.in_order(partial(with_follow_ups, rules=rules, count=knobs.follow_ups), requests)
        if knobs.teacher == "anthropic":
            answers = asked(said, knobs.anthropic, left)
        else:
            answers = workers.in_order(partial(answered, rules=rules), said)
    count = files.write_rows(out, answers)
    files.write_rows(unanswered, left)
    click.echo(f"{out}: {count} answers by {knobs.teacher}" + f", {len(left)} requests unanswered" * bool(left))


# What workers get must be small and known by name in their process: a call of `teacher`, not the teacher itself.
Rules = Callable[[], "RuleBased"]


def with_follow_ups(requests: list[dict[str, Any]], rules: Rules, count: int) -> list[dict[str, Any]]:
    """The requests, and behind each that can follow up on a running program `count` such programs to say it over."""
    said = []
    for request in requests:
        said.append(request)
        if "change" in request["meaning"]:
            said += [
                {**request, "id": f"{request['id']}-running{number}", "running": rules().running(request, number)}
                for number in range(1, count + 1)
            ]
    return said


def answered(requests: list[dict[str, Any]], rules: Rules) -> list[dict[str, Any]]:
    """The rule-based teacher's answer to each request."""
    teacher = rules()
    return [_row(request, teacher.response(request)) for request in requests]


def asked(requests: Iterator[dict[str, Any]], knobs: Knobs, left: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The Anthropic teacher's answer to each request; requests without one go to `left`, with reasons."""
    from .lamp.teachers import anthropic_teacher

    for request, response, reasons in anthropic_teacher.answers(list(requests), knobs):
        if response is None:
            left.append({**request, "reasons": reasons})
        else:
            yield _row(request, response)


def _row(request: dict[str, Any], response: str) -> dict[str, Any]:
    return {**request, "response": response}


def imported(path: Path) -> Iterator[dict[str, Any]]:
    """Existing answers, as they are; their ids hang on the prompt, not on the place in the file."""
    from .lamp.teachers import imports

    return imports.answers(path)


if __name__ == "__main__":
    main()
