"""The seed data hangs together, and what is wrong with it is named by file and entry."""

import re
import shutil
from typing import get_args

import pytest
import yaml

from stages.errors import UserError
from stages.lamp import notation, taxonomy
from stages.lamp.color import FAMILIES, rgb
from stages.lamp.held_out import benchmark
from stages.lamp.phrasing import _Filling
from stages.lamp.request import Category, Intent
from stages.lamp.validation import validate

SLOT = re.compile(r"\{(\w+)\}")


@pytest.fixture
def copied(tmp_path, seed_folder):
    return shutil.copytree(seed_folder, tmp_path / "seed")


def changed(path, change):
    value = yaml.safe_load(path.read_text())
    change(value)
    path.write_text(yaml.safe_dump(value))


def test_the_folder_is_read_once(words, seed_folder):
    assert taxonomy.load(seed_folder) is words


def test_colours_are_six_digits_and_no_two_words_share_one(words):
    assert all(re.fullmatch("#[0-9A-F]{6}", color) for color in words.colors.values())
    assert len(set(words.colors.values())) == len(words.colors)
    assert rgb(words.colors["red"]) == (255, 0, 0)


def test_moods_have_tempos_and_families_that_exist_and_answers_that_are_valid(words):
    for name, mood in words.moods.items():
        assert mood.tempo in ("slow", "medium", "fast"), name
        assert mood.hues <= {*FAMILIES, "any"}, name
        assert mood.say and mood.answers
        for answer in mood.answers:
            step = {"id": "s", "command": notation.command(answer), "duration": None}
            assert validate({"program": {"name": "n", "steps": [step]}}) == [], answer


def test_no_word_says_two_moods(words):
    said = [word for mood in words.moods.values() for word in mood.say]
    assert len(set(said)) == len(said)


def test_no_words_say_two_scenes(words):
    said = [text for scene in words.scenes.values() for text in scene.say]
    assert len(set(said)) == len(said)


def test_no_noun_says_two_pictures(words):
    said = [noun for picture in words.pictures.values() for noun in picture.say]
    assert len(set(said)) == len(said)


def test_scenes_expect_what_is_known_and_their_answers_are_valid(words):
    known = {"hues", "shows", "colorful", "moves", "slow", "fast", "flashes", "brightens", "dims", "order"}
    for name, scene in words.scenes.items():
        assert scene.expect and scene.expect.keys() <= known | {"min_ms"}, name
        assert {*scene.expect.get("hues", ()), *scene.expect.get("shows", ())} <= set(FAMILIES), name
        for answer in scene.answers:
            body = {"name": name, "steps": notation.steps(answer["steps"])}
            assert validate({"program": body}) == [], name


def test_phrases_are_of_known_categories_intents_and_slots(words):
    assert set(words.phrases) == set(get_args(Category))
    slots = {name[1:] for name in vars(_Filling) if name.startswith("_") and not name.startswith("__")} | {"a"}
    for groups in words.phrases.values():
        for group in groups:
            assert group.meaning["intent"] in get_args(Intent)
            assert group.weight > 0 and group.say
            for text in group.say:
                assert set(SLOT.findall(text)) <= slots, text


def test_unseen_pictures_are_left_out_of_training(words):
    trained = words.trained_pictures()
    unseen = {name for name, picture in words.pictures.items() if picture.group == "unseen"}
    assert len(unseen) >= 5 and trained.keys() == words.pictures.keys() - unseen


def test_what_the_benchmark_asks_for_is_there_and_may_be_learnt(words, benchmark_path):
    for entry in benchmark(benchmark_path):
        assert entry.meaning["intent"] in get_args(Intent)
        if "object" in entry.meaning:
            assert entry.meaning["object"] in words.trained_pictures()
        if "scene" in entry.meaning:
            assert entry.meaning["scene"] in words.scenes


@pytest.mark.parametrize("kind", ["activities", "places", "times"])
def test_an_occasion_with_an_unknown_mood_is_named(copied, kind):
    changed(copied / "occasions.yaml", lambda value: value[kind].update(dentistry="drilled"))
    with pytest.raises(UserError, match=r"occasions\.yaml: dentistry: mood 'drilled' is not in moods\.yaml"):
        taxonomy.load(copied)


@pytest.mark.parametrize("name", ["moods", "scenes", "phrases", "occasions", "colors"])
def test_a_missing_file_says_how_to_restore_it(copied, name):
    (copied / f"{name}.yaml").unlink()
    with pytest.raises(UserError, match=rf"{name}\.yaml: no such file; restore it \(git checkout "):
        taxonomy.load(copied)


def test_a_file_that_is_no_yaml_is_named_in_one_line(copied):
    (copied / "moods.yaml").write_text("warm: [\n\nsay")
    with pytest.raises(UserError) as caught:
        taxonomy.load(copied)
    assert "moods.yaml: not YAML" in str(caught.value) and "\n" not in str(caught.value)


def test_phrases_weigh_one_unless_they_say_otherwise(copied):
    phrases = {"text": [{"meaning": {"intent": "text"}, "say": ["write {word}"]}]}
    (copied / "phrases.yaml").write_text(yaml.safe_dump(phrases))
    [group] = taxonomy.load(copied).phrases["text"]
    assert (group.weight, group.say, group.meaning) == (1, ("write {word}",), {"intent": "text"})
