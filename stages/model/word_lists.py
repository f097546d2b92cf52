"""The kinds of words that a text model is given: lists of a seed folder, and the lamp's own words."""

from __future__ import annotations

from pathlib import Path

from ..lamp import taxonomy
from . import text_lines


def of_seed(seed_folder: Path, topic: str) -> dict[str, tuple[str, ...]]:
    """The kinds of `topic`/words.yaml, with the seed data's colours as `colour`, its objects and scenes as `thing`.

    Raises UserError naming a file that is not right.
    """
    bank = taxonomy.load(seed_folder)
    lists = {kind: text.split() for kind, text in text_lines.read_texts(seed_folder / topic / "words.yaml").items()}
    lists["colour"] = lists.get("colour", []) + [word for name in bank.colors for word in name.split()]
    # What something is called ends in what it is: "crescent moon", "rain and thunder".
    pictures = [said for picture in bank.trained_pictures().values() for said in picture.say]
    scenes = [said for scene in bank.scenes.values() for said in scene.say]
    lists["thing"] = [said.lower().split()[-1] for said in (*pictures, *scenes)]
    return {kind: tuple(dict.fromkeys(words)) for kind, words in lists.items()}
