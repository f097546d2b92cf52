"""From the word banks to the training set at 10,000 and at 100,000 requests: time per row, and memory.

Only the original categories: their phrases have slots enough for so many requests; the lines of the others, each
written for itself, give about 20,000 in all.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
STAGES = ("lamp_prompts", "lamp_responses", "lamp_screened", "lamp_trainset")
OUTS = {
    "lamp_prompts": {"out": "prompts.jsonl"},
    "lamp_responses": {"prompts": "prompts.jsonl", "out": "responses.jsonl", "unanswered": "unanswered.jsonl"},
    "lamp_screened": {
        "responses": "responses.jsonl", "out": "screened.jsonl", "rejected": "rejected.jsonl", "metrics": "counts.json",
    },
    "lamp_trainset": {"screened": "screened.jsonl", "out": "trainset"},
}  # fmt: skip


def seconds(folder: Path, total: int) -> float:
    """How long the four stages take for so many requests."""
    knobs = yaml.safe_load((ROOT / "params.yaml").read_text())
    knobs["lamp_prompts"] |= {"total": total, "v1": {"render": 40, "pattern": 40, "mixed": 20}, "v2": {}}
    folder.mkdir()
    (folder / "params.yaml").write_text(yaml.safe_dump(knobs, sort_keys=False))
    start = time.perf_counter()
    for stage in STAGES:
        files = {name: str(folder / file) for name, file in {**OUTS[stage], "params": "params.yaml"}.items()}
        arguments = [part for name, value in files.items() for part in (f"--{name}", value)]
        subprocess.run([sys.executable, "-m", f"stages.{stage}", *arguments], cwd=ROOT, check=True)
    return time.perf_counter() - start


@pytest.mark.slow
def test_ten_times_the_rows_cost_less_than_thirty_times_the_time_and_memory_stays_small(tmp_path: Path) -> None:
    few, many = seconds(tmp_path / "few", 10_000), seconds(tmp_path / "many", 100_000)
    # The largest process of all that were waited for.
    peak_gb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9
    rows = sum(1 for _ in (tmp_path / "many" / "screened.jsonl").open())
    print(f"\n100,000 requests: {many:.0f} s, {rows} rows kept, {peak_gb:.2f} GB at most; 10,000: {few:.0f} s")
    assert rows > 99_000
    # The more has been said, the more tries a new request needs: a row costs about twice as much.
    assert many / few < 3 * 10
    assert peak_gb < 1.5
