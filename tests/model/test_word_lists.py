"""Kinds of words: those of a topic's file, and the lamp's own colours and objects."""

from __future__ import annotations

from pathlib import Path

import pytest

from stages.model import word_lists

SEED = Path(__file__).parents[2] / "data" / "seed"


@pytest.mark.parametrize("topic", ["follow_ups", "safety"])
def test_colours_and_objects_of_the_seed_data_are_kinds(topic: str) -> None:
    lists = word_lists.of_seed(SEED, topic)
    assert "turquoise" in lists["colour"]
    assert {"moon", "dog"} <= set(lists["thing"])
    assert all(len(words) == len(set(words)) for words in lists.values())


def test_objects_that_are_never_trained_on_are_no_words_either() -> None:
    from stages.lamp import taxonomy

    bank = taxonomy.load(SEED)
    trained = {said.lower() for picture in bank.trained_pictures().values() for said in picture.say}
    unseen = [picture.say[0] for name, picture in bank.pictures.items() if name not in bank.trained_pictures()]
    assert unseen and not {name for name in unseen if " " not in name and name not in trained} & set(
        word_lists.of_seed(SEED, "follow_ups")["thing"]
    )
