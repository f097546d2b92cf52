"""What a training took and cost: counted through kills, said in a line."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from stages.model import cost


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock: its first entry is now."""
    now = [100.0]
    monkeypatch.setattr(cost.time, "monotonic", lambda: now[0])
    return now


def run(clock: cost.Clock, folder: Path, seconds: list[float], first: int, last: int, save: int) -> None:
    """Steps of 2 seconds with a second between them, four an epoch, and a checkpoint after one of them."""
    state = SimpleNamespace(global_step=first, epoch=first / 4, is_world_process_zero=True)
    args = SimpleNamespace(output_dir=str(folder))
    clock.on_train_begin(args, state, None)
    for step in range(first + 1, last + 1):
        clock.on_step_begin(args, state, None)
        seconds[0] += 2.0
        state.global_step, state.epoch = step, step / 4
        clock.on_step_end(args, state, None)
        seconds[0] += 1.0
        if step == save:
            (folder / f"checkpoint-{step}").mkdir(parents=True)
            clock.on_save(args, state, None)
    clock.on_train_end(args, state, None)


def test_seconds_and_tokens_are_those_of_the_whole_training_whatever_was_killed(
    tmp_path: Path, seconds: list[float]
) -> None:
    whole = cost.Clock()
    run(whole, tmp_path / "undisturbed", seconds, 0, 8, save=5)
    run(cost.Clock(), tmp_path / "killed", seconds, 0, 7, save=5)
    again = cost.Clock()
    run(again, tmp_path / "killed", seconds, 5, 8, save=99)
    assert whole.taken(50) == again.taken(50) == {"total_s": 24.0, "steps_s": 16.0, "tokens": 100.0}


def test_what_is_resumed_at_its_very_end_still_has_its_speed(tmp_path: Path, seconds: list[float]) -> None:
    run(cost.Clock(), tmp_path, seconds, 0, 8, save=8)
    again = cost.Clock()
    run(again, tmp_path, seconds, 8, 8, save=99)
    assert again.taken(50)["steps_s"] == 16.0
    assert again.taken(50)["tokens"] == 100.0


def test_phases_add_up() -> None:
    taken = [
        {"total_s": 1800.0, "steps_s": 1000.0, "tokens": 5e6, "peak_memory_gib": 30.0},
        {"total_s": 1800.0, "steps_s": 1000.0, "tokens": 3e6, "peak_memory_gib": 40.0},
    ]
    assert cost.figures(taken, 4.0) == {
        "train_hours": 1.0,
        "tokens_per_s": 4000.0,
        "train_cost": 4.0,
        "peak_memory_gib": 40.0,
    }


def test_the_line_says_hours_or_minutes_and_the_price_where_there_is_one() -> None:
    long = {"train_hours": 1.5, "tokens_per_s": 12345.6, "train_cost": 4.5}
    assert cost.line(long, 3.0) == "trained for 1.50 h at 12,346 tokens/s; at 3 an hour that is 4.50"
    short = {"train_hours": 0.05, "tokens_per_s": 900.0, "train_cost": 0.0}
    assert cost.line(short, 0.0) == "trained for 3.0 min at 900 tokens/s"
