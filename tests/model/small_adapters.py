"""A base model in its folder, mixes of a few rows, and the stage model_adapter run on them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from stages import files
from stages.corpus import writing
from stages.model import bases
from stages.tracking import lineage, taint

ROOT = Path(__file__).resolve().parents[2]
SECTION: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())["model_adapter"]
# 40 rows in batches of 8: 5 steps an epoch.
QUICK = {"rank": 4, "alpha": 8, "epochs": 2, "learning_rate": 1e-2, "save_steps": 2, "threads": 1}
LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def make_base(folder: Path, model: Any, tokenizer_folder: Path) -> Path:
    """A base model's folder as model_base publishes it."""
    model.save_pretrained(folder)
    for file in tokenizer_folder.iterdir():
        shutil.copyfile(file, folder / file.name)
    lineage.write(folder, {"params": "p", "trainset": "t"})
    bases.write(folder, bases.Base("nano", "nano", False, None, None, "none", "<|end|>", LAYERS))
    return folder


def row(number: int, name: str, history: list[list[str]] | None = None, **changes: str) -> dict[str, Any]:
    """A row of a mix."""
    plain = {
        "instruction": f"Say {name} {number}.",
        "input": "",
        "output": f"{name} {number}",
        "history": history or [],
        "system": "",
        "_id": f"{name}-{number}",
    }
    return {**plain, **changes}


def make_mixes(folder: Path, mixes: dict[str, list[dict[str, Any]]], research: bool = False, **report: Any) -> Path:
    """A folder as corpus_mixes publishes it. report: what report.json says of each mix besides its rows."""
    schema = dict.fromkeys(("instruction", "input", "output", "system", "_id"), pl.String)
    mark = taint.RESEARCH if research else None
    for name, rows in mixes.items():
        (folder / name).mkdir(parents=True)
        table = pl.DataFrame(rows, schema={**schema, "history": pl.List(pl.List(pl.String))})
        writing.write_rows(table, folder / name / "part-00000.parquet", "parquet", mark)
    said = {"epochs": 1, "learning_rate": 5e-3, **report}
    files.write_json(folder / "report.json", {name: {**said, "rows": len(rows)} for name, rows in mixes.items()})
    return folder


def options(folder: Path, trainset: Path, base: Path, **section: Any) -> list[str]:
    """The command line of the stage in `folder`, with a params.yaml of these keys there."""
    folder.mkdir(parents=True, exist_ok=True)
    merged = {**SECTION, **QUICK, **section}
    (folder / "params.yaml").write_text(yaml.safe_dump({"model_adapter": merged}, sort_keys=False))
    paths = {"trainset": trainset, "base": base, "params": folder / "params.yaml"}
    paths |= {name: folder / name for name in ("out", "curves", "checkpoints")} | {"metrics": folder / "metrics.json"}
    return [part for name, path in paths.items() for part in (f"--{name}", str(path))]
