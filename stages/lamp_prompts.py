"""Generate lamp requests from templates and word banks, each with what it means.

In:   data/seed (word banks, phrases, pixel art, the held-out benchmark requests)
Out:  prompts.jsonl, rows of id, prompt, category, meaning
Holds: every prompt is unique, quotas are met exactly, no prompt means the same as a benchmark request.
Run:  python -m stages.lamp_prompts --seed-folder data/seed --out data/lamp/prompts.jsonl
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from .command import stage


@dataclass(frozen=True)
class Params:
    """Section lamp_prompts of params.yaml; its comments say what each key does."""

    seed: int
    quotas: dict[str, int]


@stage(__doc__, seed_folder="data/seed", out="data/lamp/prompts.jsonl")
def main(seed_folder: Path, out: Path, params_path: Path) -> None:
    from . import files, params
    from .lamp import phrasing, taxonomy

    knobs = params.load(Params, "lamp_prompts", params_path)
    words = taxonomy.load(seed_folder)
    requests = phrasing.requests(words, knobs.quotas, knobs.seed, seed_folder / "benchmark.yaml")
    count = files.write_rows(out, requests)
    click.echo(f"{out}: {count} requests in {len(knobs.quotas)} categories")


if __name__ == "__main__":
    main()
