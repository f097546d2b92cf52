"""The plan of a training: its phases, each with data of its own, and where those data are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..errors import UserError
from . import mixes

LAMP = "lamp"
_FOLDERS = {"mix": "mixes", "profile": "profiles"}
_PREFERENCES = "preferences"


@dataclass(frozen=True)
class Phase:
    """A line of a plan in params.yaml.

    data: lamp (the training set), mix:NAME, profile:NAME; of a preference phase pairs:lamp or pairs:corpus. epochs,
    learning_rate: None for those that the data come with.
    """

    name: str
    kind: Literal["sft", "dpo"]
    data: str
    epochs: int | None
    learning_rate: float | None


@dataclass(frozen=True)
class Sources:
    """Where data are. trainset: of the lamp. corpus: a folder of mixes, profiles or preferences, or their parent.

    pairs: of the lamp. The latter two may be anything as long as no phase needs them.
    """

    trainset: Path
    corpus: Path
    pairs: Path

    def find(self, phase: Phase) -> Path:
        """The file or folder that a phase trains on. Raises UserError for data of no kind, or not of its kind."""
        kind, _, name = phase.data.partition(":")
        if phase.kind == "sft" and phase.data == LAMP:
            return self.trainset
        if phase.kind == "sft" and kind in _FOLDERS and name:
            return self._of_corpus(_FOLDERS[kind]) / name
        if phase.kind == "dpo" and phase.data == "pairs:lamp":
            return self.pairs
        if phase.kind == "dpo" and phase.data == "pairs:corpus":
            return self._of_corpus(_PREFERENCES)
        known = "lamp, mix:NAME or profile:NAME" if phase.kind == "sft" else "pairs:lamp or pairs:corpus"
        raise UserError(f"{_where(phase)}: {phase.data!r} is no data of kind {phase.kind}; take {known}")

    def _of_corpus(self, folder: str) -> Path:
        return self.corpus if self.corpus.name == folder else self.corpus / folder


@dataclass(frozen=True)
class Task:
    """A phase with everything said: where its data are, how long and how hard it trains."""

    name: str
    kind: str
    data: str
    path: Path
    epochs: int
    learning_rate: float


def resolve(plan: Sequence[Phase], sources: Sources, epochs: int, learning_rate: float) -> list[Task]:
    """The phases of a plan with their data found. epochs, learning_rate: of the lamp, where its phase has none.

    Raises UserError for a plan without phases, two phases of one name, and data that are not there.
    """
    names = [phase.name for phase in plan]
    if not plan or len(set(names)) < len(names) or not all(re.fullmatch(r"[\w-]+", name) for name in names):
        raise UserError(
            f"params.yaml, model_adapter.plans: each phase needs a name of its own, of letters and digits, got {names}"
        )
    return [_task(phase, sources, epochs, learning_rate) for phase in plan]


def _task(phase: Phase, sources: Sources, epochs: int, learning_rate: float) -> Task:
    path = sources.find(phase)
    own: dict[str, Any] = {"epochs": epochs, "learning_rate": learning_rate}
    if phase.kind == "dpo":
        if phase.epochs is None or phase.learning_rate is None:
            raise UserError(f"{_where(phase)}: pairs come with no epochs and learning_rate; give both")
        _needed(phase, path, "pairs" if phase.data == "pairs:lamp" else "corpus")
    elif phase.data != LAMP:
        _needed(phase, path.parent / mixes.REPORT, "corpus")
        own = mixes.report(path)
    return Task(
        name=phase.name,
        kind=phase.kind,
        data=phase.data,
        path=path,
        epochs=own["epochs"] if phase.epochs is None else phase.epochs,
        learning_rate=own["learning_rate"] if phase.learning_rate is None else phase.learning_rate,
    )


def _needed(phase: Phase, path: Path, knob: str) -> None:
    if not path.exists():
        raise UserError(
            f"{_where(phase)}: {path} is not there; name what it needs, so that it is made first:"
            f" -S model_adapter.{knob}={'data/lamp/pairs.jsonl' if knob == 'pairs' else 'data/corpus/mixes'}"
        )


def _where(phase: Phase) -> str:
    return f"params.yaml, model_adapter.plans, phase {phase.name}"
