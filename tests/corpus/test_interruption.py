"""A corpus stage that is killed at any point ends in the bytes of an undisturbed run."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.corpus.toy_corpus import EVALUATIONS, ROOT, add_source, made, rows, tree_bytes

KILLS = 20


def start(folder: Path, stage: str) -> subprocess.Popen[bytes]:
    """A stage over the toy sources, in a process group of its own."""
    entry = folder / "entries" / "toy"
    paths = {
        "corpus_sources": ["--entry", entry, "--raw", entry, "--evaluations", EVALUATIONS, "--copies", EVALUATIONS,
                           "--out", folder / "sources" / "toy"],
        "corpus_merged": ["--sources", folder / "sources", "--out", folder / "merged"],
    }  # fmt: skip
    command = [
        sys.executable,
        "-m",
        f"stages.{stage}",
        *map(str, paths[stage]),
        "--params",
        str(folder / "params.yaml"),
    ]
    return subprocess.Popen(
        command, cwd=ROOT, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


def run_with_kills(folder: Path, stage: str, out: Path) -> int:
    """Kill the stage ever later until it is through; returns how often it was killed."""
    draw, patience, kills = random.Random(stage), 0.3, 0
    while kills < KILLS:
        process = start(folder, stage)
        try:
            _, said = process.communicate(timeout=draw.uniform(0.3, 1.0) * patience)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            kills, patience = kills + 1, patience * 1.2
            if out.exists():  # it was through but for the end of its process: what is there must be whole
                return kills
        else:
            assert process.returncode == 0, said
            return kills
    process = start(folder, stage)
    _, said = process.communicate()
    assert process.returncode == 0, said
    return kills


@pytest.mark.slow
@pytest.mark.parametrize(("stage", "out"), [("corpus_sources", "sources/toy"), ("corpus_merged", "merged")])
def test_a_stage_that_is_killed_ever_later_ends_in_the_bytes_of_an_undisturbed_run(
    tmp_path: Path, stage: str, out: str
) -> None:
    folders = []
    for name in ("calm", "killed"):
        folder = tmp_path / name
        add_source(folder, "toy", rows(*(f"number {number} of many {'word ' * 80}" for number in range(30_000))))
        made(folder, corpus_sources={"shard_mb": 1})
        folders.append(folder)
    calm, killed = folders
    shutil.rmtree(killed / out)
    assert run_with_kills(killed, stage, killed / out) > 3
    assert tree_bytes(killed / out) == tree_bytes(calm / out)
