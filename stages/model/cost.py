"""What a training took: seconds through kills, tokens in a second, and what the hours cost.

None of it goes into an output of the pipeline: times differ from run to run. They are for MLflow and for the eye.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from .. import files

_CLOCK = "clock.json"


class Clock(TrainerCallback):  # type: ignore[misc]
    """Counts the seconds of a training, which a checkpoint keeps: those of a killed run count too.

    total_s: from the first step to the last, with validation and saving. steps_s: of the steps alone.
    """

    def __init__(self) -> None:
        self.total_s = self.steps_s = self.epochs = 0.0
        self._mark = self._step = 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Goes on from the checkpoint that training goes on from."""
        known = Path(args.output_dir) / f"checkpoint-{state.global_step}" / _CLOCK
        if state.global_step and known.exists():
            kept = files.read_json(known)
            self.total_s, self.steps_s, self.epochs = kept["total_s"], kept["steps_s"], float(state.epoch or 0)
        self._mark = time.monotonic()

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """A step begins."""
        self._step = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """A step ends. (What a GPU has left to do of it is counted to the next one.)"""
        self.steps_s += time.monotonic() - self._step
        self.epochs = float(state.epoch or 0)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Stands before what marks the checkpoint as whole."""
        self._tick()
        if state.is_world_process_zero:
            kept = {"total_s": self.total_s, "steps_s": self.steps_s}
            files.write_json(Path(args.output_dir) / f"checkpoint-{state.global_step}" / _CLOCK, kept)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The last of the seconds."""
        self._tick()

    def _tick(self) -> None:
        now = time.monotonic()
        self.total_s += now - self._mark
        self._mark = now

    def taken(self, tokens: int) -> dict[str, float]:
        """Seconds and tokens trained on. tokens: of an epoch, without padding."""
        taken = {"total_s": self.total_s, "steps_s": self.steps_s, "tokens": self.epochs * tokens}
        if torch.cuda.is_available():
            taken["peak_memory_gib"] = torch.cuda.max_memory_allocated() / 2**30
        return taken


def figures(taken: list[dict[str, float]], price_per_hour: float) -> dict[str, float]:
    """Hours, tokens per second and cost of trainings that came one after the other."""
    hours = sum(each["total_s"] for each in taken) / 3600
    seconds = sum(each["steps_s"] for each in taken)
    found = {
        "train_hours": hours,
        "tokens_per_s": sum(each["tokens"] for each in taken) / seconds if seconds else 0.0,
        "train_cost": hours * price_per_hour,
    }
    if peaks := [each["peak_memory_gib"] for each in taken if "peak_memory_gib" in each]:
        found["peak_memory_gib"] = max(peaks)
    return found


def line(found: dict[str, float], price_per_hour: float) -> str:
    """The figures as a line for people."""
    hours = found["train_hours"]
    long = f"{hours:.2f} h" if hours >= 1 else f"{hours * 60:.1f} min"
    said = f"trained for {long} at {found['tokens_per_s']:,.0f} tokens/s"
    if price_per_hour:
        said += f"; at {price_per_hour:g} an hour that is {found['train_cost']:.2f}"
    return said
