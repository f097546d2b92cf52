"""Turn screened answers into chat rows, split into training and validation.

In:   screened.jsonl
Out:  a folder with train.jsonl and val.jsonl, rows of id, category and messages (system, user, assistant)
      as TRL reads them (no system turn with system_prompt=none), and request_format.json (how requests are put to
      the model)
Holds: the split is stratified by category; which side a row is on hangs on its id and the seed, so adding
      rows moves at most a few others across the border.
Run:  python -m stages.lamp_trainset --screened data/lamp/screened.jsonl --out data/lamp/trainset
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import click

from .command import stage
from .errors import UserError
from .lamp.asking import FILE, RequestFormat
from .lamp.chat_rows import chat_row


@dataclass(frozen=True)
class Params:
    """Section lamp_trainset of params.yaml; its comments say what each key does."""

    seed: int
    versions: tuple[str, ...]
    validation_share: float
    system_prompt: Literal["full", "short", "none"]
    short_system_prompt: str
    request_template: str
    follow_up_template: str


@stage(__doc__, screened="data/lamp/screened.jsonl", out="data/lamp/trainset")
def main(screened: Path, out: Path, params_path: Path) -> None:
    from . import files, params

    knobs = params.load(Params, "lamp_trainset", params_path)
    check(knobs, params_path)
    rows = wanted_rows(screened, knobs.versions)
    asking = RequestFormat(system_prompt(knobs), knobs.request_template, knobs.follow_up_template)
    validation = validation_ids(rows, knobs.validation_share, knobs.seed)
    sides = (
        [row for row in rows if row["id"] not in validation],
        [row for row in rows if row["id"] in validation],
    )
    with files.published_folder(out) as folder:
        for name, side in zip(("train.jsonl", "val.jsonl"), sides, strict=True):
            files.write_rows(folder / name, (chat_row(row, asking) for row in side))
        files.write_json(folder / FILE, asdict(asking))
    click.echo(f"{out}: {len(sides[0])} rows to train on, {len(sides[1])} to validate with")


def wanted_rows(screened: Path, versions: tuple[str, ...]) -> list[dict[str, Any]]:
    """The screened rows of these versions, and those without one. Raises UserError when there are none."""
    from . import files

    kept = files.read_rows(screened, ("id", "prompt", "category", "response"))
    rows = [row for row in kept if "version" not in row or row["version"] in versions]
    if not rows:
        raise UserError(
            f"{screened}: no rows of {', '.join(versions)} were kept; see lamp_trainset.versions, and rejected.jsonl"
            " beside it for the reasons"
        )
    return rows


def check(knobs: Params, params_path: Path) -> None:
    """Raises UserError for no version, no prompt, a share that is none, a template without a place for its parts."""
    if not knobs.versions:
        raise UserError(f"{params_path}, lamp_trainset.versions: none; take [v1], [v2] or [v1, v2]")
    if not 0 < knobs.validation_share < 1:
        raise UserError(
            f"{params_path}, lamp_trainset.validation_share: {knobs.validation_share} is not between 0 and 1"
        )
    if knobs.system_prompt == "short" and not knobs.short_system_prompt.strip():
        raise UserError(
            f"{params_path}, lamp_trainset.short_system_prompt: empty; write one, or take system_prompt=none"
        )
    for name, places in (("request_template", ("{prompt}",)), ("follow_up_template", ("{prompt}", "{running}"))):
        template = getattr(knobs, name)
        for place in places:
            if place not in template:
                raise UserError(f"{params_path}, lamp_trainset.{name}: {template!r} has no {place}; add it")


def system_prompt(knobs: Params) -> str:
    """The text of the system turn: the whole manual, one line, or none at all."""
    if knobs.system_prompt == "full":
        from .lamp.manual import manual  # reads the program definition, which costs 0.2 s

        return manual()
    return knobs.short_system_prompt if knobs.system_prompt == "short" else ""


def validation_ids(rows: list[dict[str, Any]], share: float, seed: int) -> set[str]:
    """The ids of the validation rows: in each category the `share` whose hashed ids come first."""
    by_category: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        by_category[row["category"]].append(row["id"])
    chosen: set[str] = set()
    for ids in by_category.values():
        ids.sort(key=lambda identity: hashlib.sha256(f"{seed}:{identity}".encode()).digest())
        chosen.update(ids[: round(share * len(ids))])
    return chosen


if __name__ == "__main__":
    main()
