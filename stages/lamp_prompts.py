"""Generate lamp requests from phrases and word banks, each with what it means.

In:   data/seed (word banks, phrases, scenes, pixel art, the held-out benchmark requests)
Out:  prompts.jsonl, rows of id, prompt, category, subcategory, version, template, meaning
Holds: quotas are met exactly; within a unit no two prompts are alike, in all no prompt means the same as a
      benchmark request; a larger quota only adds rows; the same bytes for any number of workers.
Run:  python -m stages.lamp_prompts --seed-folder data/seed --out data/lamp/prompts.jsonl
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .command import stage
from .errors import UserError

if TYPE_CHECKING:
    from .lamp.taxonomy import Taxonomy


@dataclass(frozen=True)
class Params:
    """Section lamp_prompts of params.yaml; its comments say what each key does."""

    seed: int
    total: int
    v1: dict[str, int]
    v2: dict[str, dict[str, int]]


@stage(__doc__, seed_folder="data/seed", out="data/lamp/prompts.jsonl")
def main(seed_folder: Path, out: Path, params_path: Path) -> None:
    from . import files, params
    from .lamp import taxonomy, units

    knobs = params.load(Params, "lamp_prompts", params_path)
    chosen = quotas(knobs, taxonomy.load(seed_folder), params_path)
    tasks = [units.Task(key, quota, where, knobs.seed, seed_folder) for (key, where), quota in chosen.items()]
    count = files.write_rows(out, units.generated(tasks))
    click.echo(f"{out}: {count} requests in {len(chosen)} categories and sub-categories")


def quotas(knobs: Params, words: Taxonomy, params_path: Path) -> dict[tuple[tuple[str, str, str], str], int]:
    """Requests per unit and the parameter that says so, scaled to `total`. Raises UserError for what is not there."""
    from .lamp import units

    prefix = f"{params_path.name}, lamp_prompts"
    if knobs.total < 0:
        raise UserError(f"{prefix}.total: {knobs.total} is negative; take 0 or more")
    wanted = {(("v1", category, ""), f"{prefix}.v1.{category}"): quota for category, quota in knobs.v1.items()}
    for category, parts in knobs.v2.items():
        for part, quota in parts.items():
            wanted[("v2", category, part), f"{prefix}.v2.{category}.{part}"] = quota
    for (key, where), quota in wanted.items():
        if key not in words.units:
            known = sorted(unit.key for unit in words.units.values() if unit.version == key[0])
            raise UserError(f"{where}: no phrases for it in data/seed; there are phrases for {', '.join(known)}")
        if quota < 0:
            raise UserError(f"{where}: {quota} is negative; take 0 or more")
    return dict(zip(wanted, units.scaled(list(wanted.values()), knobs.total), strict=True))


if __name__ == "__main__":
    main()
