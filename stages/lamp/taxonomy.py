"""The seed data, read and checked: word banks, moods, scenes, phrases, pictures."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ..errors import UserError
from .pixel_art import Picture, library
from .request import Meaning

UNSEEN_GROUP = "unseen"
CLASSIC = "classic"
# Shares of requests of 1-3, 4-8 and 9 or more words, in percent.
DEFAULT_LENGTHS = (30, 40, 30)


@dataclass(frozen=True)
class Mood:
    """say: words for it. tempo: slow, medium or fast. hues: families it may show. light: dim, bright or none.

    palette: #RRGGBB colours, any two of which go together. ways: names of patterns that suit it, or `drift`.
    """

    say: tuple[str, ...]
    tempo: str
    hues: frozenset[str]
    palette: tuple[str, ...]
    ways: tuple[str, ...]
    light: str | None


@dataclass(frozen=True)
class Scene:
    """say: words for it. expect: what a viewer must see (see `brief`). answers: steps and loop counts.

    group: the file it stands in.
    """

    say: tuple[str, ...]
    expect: dict[str, Any]
    answers: tuple[dict[str, Any], ...]
    group: str


@dataclass(frozen=True)
class Phrases:
    """Ways to say one meaning. weight: how often, relative to the unit's other phrases.

    pick: what a slot draws from, where that is less than its whole bank.
    """

    meaning: Meaning
    say: tuple[str, ...]
    weight: float = 1.0
    pick: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Unit:
    """The phrases of a category, or of a sub-category where it has some.

    lengths: shares of short, medium and long requests in percent, or None where nothing is said of them.
    """

    version: str
    category: str
    subcategory: str
    groups: tuple[Phrases, ...]
    lengths: tuple[int, ...] | None

    @property
    def key(self) -> str:
        """`v2/contextual/time_aware`: unique, and what the unit's random draws hang on."""
        return "/".join(part for part in (self.version, self.category, self.subcategory) if part)


@dataclass(frozen=True)
class Taxonomy:
    """Everything under data/seed that requests and answers are made of. units: by version, category, sub-category."""

    colors: dict[str, str]
    moods: dict[str, Mood]
    scenes: dict[str, Scene]
    activities: dict[str, str]
    places: dict[str, str]
    times: dict[str, str]
    units: dict[tuple[str, str, str], Unit]
    pictures: dict[str, Picture]

    def trained_pictures(self) -> dict[str, Picture]:
        """The pictures that may occur in training."""
        return {name: picture for name, picture in self.pictures.items() if picture.group != UNSEEN_GROUP}


@functools.cache
def load(folder: Path) -> Taxonomy:
    """Read the seed folder. Raises UserError naming the file and entry that is not right."""
    moods = {name: _mood(folder / "moods.yaml", name, entry) for name, entry in _read(folder / "moods.yaml").items()}
    occasions = _read(folder / "occasions.yaml")
    for kind in ("activities", "places", "times"):
        for occasion, mood in occasions[kind].items():
            if mood not in moods:
                raise UserError(f"{folder / 'occasions.yaml'}: {occasion}: mood {mood!r} is not in moods.yaml")
    return Taxonomy(
        colors=_read(folder / "colors.yaml"),
        moods=moods,
        scenes=dict(_scenes(folder / "scenes")),
        activities=occasions["activities"],
        places=occasions["places"],
        times=occasions["times"],
        units={(unit.version, unit.category, unit.subcategory): unit for unit in _units(folder)},
        pictures=library(folder / "pixel_art"),
    )


def _mood(path: Path, name: str, entry: dict[str, Any]) -> Mood:
    missing = [key for key in ("say", "tempo", "hues", "palette", "ways") if key not in entry]
    if missing:
        raise UserError(f"{path}: {name}: no {', '.join(missing)}; every mood needs say, tempo, hues, palette and ways")
    palette = tuple(f"#{color}" for color in entry["palette"])
    ways = tuple(entry["ways"])
    return Mood(tuple(entry["say"]), entry["tempo"], frozenset(entry["hues"]), palette, ways, entry.get("light"))


def _scenes(folder: Path) -> Iterator[tuple[str, Scene]]:
    seen: dict[str, Path] = {}
    for path in _yaml_files(folder):
        for name, entry in (_read(path) or {}).items():
            missing = [key for key in ("say", "expect", "answers") if key not in entry]
            if missing:
                raise UserError(f"{path}: {name}: no {', '.join(missing)}; every scene needs say, expect and answers")
            if name in seen:
                raise UserError(f"{path}: {name} is also in {seen[name].name}; rename one of them")
            seen[name] = path
            yield name, Scene(tuple(entry["say"]), entry["expect"], tuple(entry["answers"]), path.stem)


def _units(folder: Path) -> Iterator[Unit]:
    for category, entries in _read(folder / "phrases.yaml").items():
        yield Unit("v1", category, "", tuple(map(_phrases, entries)), None)
    for path in _yaml_files(folder / "requests"):
        for subcategory, entry in _read(path).items():
            if not isinstance(entry, dict) or "groups" not in entry:
                raise UserError(f"{path}: {subcategory}: no groups; a sub-category is a mapping with groups of phrases")
            lengths = tuple(entry.get("lengths", DEFAULT_LENGTHS))
            if len(lengths) != 3 or sum(lengths) != 100 or min(lengths) < 0:
                raise UserError(f"{path}: {subcategory}: lengths {list(lengths)}; three shares that sum to 100")
            yield Unit("v2", path.stem, subcategory, tuple(map(_phrases, entry["groups"])), lengths)


def _phrases(entry: dict[str, Any]) -> Phrases:
    pick = {slot: tuple(words) for slot, words in entry.get("pick", {}).items()}
    return Phrases(entry["meaning"], tuple(entry["say"]), entry.get("weight", 1), pick)


def _yaml_files(folder: Path) -> list[Path]:
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise UserError(f"{folder}: no files (*.yaml) there; restore the folder (git checkout {folder})")
    return paths


def _read(path: Path) -> Any:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; restore it (git checkout {path})") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not YAML: {' '.join(str(error).split())}; correct the file") from None


# The loader written in C reads the seed folder six times as fast; where PyYAML has none, its own does.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
