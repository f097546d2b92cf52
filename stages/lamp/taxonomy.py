"""The seed data, read and checked: word banks, moods, scenes, phrases."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ..errors import UserError
from .pixel_art import Picture, library
from .request import Meaning

UNSEEN_GROUP = "unseen"


@dataclass(frozen=True)
class Mood:
    """say: words for it. tempo: slow, medium or fast. hues: families it may show. answers: notations."""

    say: tuple[str, ...]
    tempo: str
    hues: frozenset[str]
    answers: tuple[str, ...]


@dataclass(frozen=True)
class Scene:
    """say: words for it. expect: what a viewer must see (see `brief`). answers: steps and loop counts."""

    say: tuple[str, ...]
    expect: dict[str, Any]
    answers: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Phrases:
    """Ways to say one meaning. weight: how often, relative to the category's other phrases."""

    meaning: Meaning
    say: tuple[str, ...]
    weight: float


@dataclass(frozen=True)
class Taxonomy:
    """Everything under data/seed that requests and answers are made of."""

    colors: dict[str, str]
    moods: dict[str, Mood]
    scenes: dict[str, Scene]
    activities: dict[str, str]
    places: dict[str, str]
    times: dict[str, str]
    phrases: dict[str, tuple[Phrases, ...]]
    pictures: dict[str, Picture]

    def trained_pictures(self) -> dict[str, Picture]:
        """The pictures that may occur in training."""
        return {name: picture for name, picture in self.pictures.items() if picture.group != UNSEEN_GROUP}


@functools.cache
def load(folder: Path) -> Taxonomy:
    """Read the seed folder. Raises UserError naming the file and entry that is not right."""
    moods = {
        name: Mood(tuple(entry["say"]), entry["tempo"], frozenset(entry["hues"]), tuple(entry["answers"]))
        for name, entry in _read(folder / "moods.yaml").items()
    }
    scenes = {
        name: Scene(tuple(entry["say"]), entry["expect"], tuple(entry["answers"]))
        for name, entry in _read(folder / "scenes.yaml").items()
    }
    phrases = {
        category: tuple(Phrases(entry["meaning"], tuple(entry["say"]), entry.get("weight", 1)) for entry in entries)
        for category, entries in _read(folder / "phrases.yaml").items()
    }
    occasions = _read(folder / "occasions.yaml")
    for kind in ("activities", "places", "times"):
        for occasion, mood in occasions[kind].items():
            if mood not in moods:
                raise UserError(f"{folder / 'occasions.yaml'}: {occasion}: mood {mood!r} is not in moods.yaml")
    return Taxonomy(
        colors=_read(folder / "colors.yaml"),
        moods=moods,
        scenes=scenes,
        activities=occasions["activities"],
        places=occasions["places"],
        times=occasions["times"],
        phrases=phrases,
        pictures=library(folder / "pixel_art"),
    )


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; restore it (git checkout {path})") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not YAML: {' '.join(str(error).split())}; correct the file") from None
