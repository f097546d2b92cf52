"""The seed data hangs together, and what is wrong with it is named by file and entry."""

import random
import re
import shutil
from typing import get_args

import pytest
import yaml

from stages.errors import UserError
from stages.lamp import notation, taxonomy
from stages.lamp.color import FAMILIES, rgb
from stages.lamp.filling import Filling
from stages.lamp.held_out import benchmark
from stages.lamp.program import PATTERN_DEFAULTS
from stages.lamp.request import Category, Change, Intent
from stages.lamp.validation import validate

SLOT = re.compile(r"\{(?:(\d)\.)?(\w+)\}")
SLOTS = {name[1:] for name in vars(Filling) if re.fullmatch(r"_[a-z0-9]+", name)} - {"choice", "title", "span"}
EXPECTED = {
    *("hues", "shows", "colorful", "moves", "slow", "fast", "flashes", "brightens", "dims", "order", "min_ms"),
    *("pictures", "steps"),
}
# What a meaning may say besides its intent; slots say the rest of it.
KEYS = {
    "pattern": {"pattern", "colors", "tempo", "brightness"},
    "mood": {"mood", "brightness"},
    "picture": {"object", "colors", "ground", "place", "motion", "mood"},
    "scene": {"scene"},
    "text": {"text", "colors", "ground", "motion"},
    "status": {"status", "percent", "colors"},
    "blend": {"colors"},
    "fade": {"colors", "duration_ms"},
    "cycle": {"colors"},
    "clock": {"hour", "minute", "colors"},
    "weather": {"weather", "number"},
    "timer": {"duration_ms"},
    "pomodoro": {"work_ms", "break_ms"},
    "countdown": {"number", "colors", "place"},
    "dim": {"duration_ms"},
    "candle": {"duration_ms"},
    "off": set(),
    "then": {"first", "second", "object", "colors", "text", "number"},
    "sequence": {"parts"},
}


@pytest.fixture
def copied(tmp_path, seed_folder):
    """The seed folder with one file of each kind, which is read in no time."""
    kept = {"text.yaml": "requests", "classic.yaml": "scenes", "symbols.yaml": "pixel_art"}
    copy = shutil.copytree(seed_folder, tmp_path / "seed")
    for path in copy.glob("*/*.yaml"):
        if kept.get(path.name) != path.parent.name:
            path.unlink()
    return copy


def changed(path, change):
    value = yaml.safe_load(path.read_text())
    change(value)
    path.write_text(yaml.safe_dump(value))


def refusal(folder):
    """The one line that refuses the seed data."""
    with pytest.raises(UserError) as caught:
        taxonomy.load(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def groups_of(words):
    return [(unit, group) for unit in words.units.values() for group in unit.groups]


def meanings(words):
    """Every meaning in the seed data, the parts of sequences among them."""
    for unit, group in groups_of(words):
        for meaning in (group.meaning, *group.meaning.get("parts", ())):
            yield unit, meaning


def test_the_folder_is_read_once(words, seed_folder):
    assert taxonomy.load(seed_folder) is words


# Colours, moods, scenes, pictures ----------------------------------------------------------------------------


def test_colours_are_six_digits_and_no_two_words_share_one(words):
    assert all(re.fullmatch("#[0-9A-F]{6}", color) for color in words.colors.values())
    assert len(set(words.colors.values())) == len(words.colors)
    assert rgb(words.colors["red"]) == (255, 0, 0)


def test_moods_have_tempos_families_lights_and_ways_that_exist(words):
    for name, mood in words.moods.items():
        assert mood.say and mood.tempo in ("slow", "medium", "fast"), name
        assert mood.hues <= {*FAMILIES, "any"}, name
        assert mood.light in (None, "dim", "bright"), name
        assert {*mood.ways} <= {*PATTERN_DEFAULTS, "drift"} and {*mood.ways} != {"drift"}, name


def test_a_mood_has_several_colours_and_each_is_there_once(words):
    for name, mood in words.moods.items():
        assert all(re.fullmatch("#[0-9A-F]{6}", color) for color in mood.palette), name
        assert len(set(mood.palette)) == len(mood.palette) >= 3, name


def test_no_word_says_two_moods(words):
    said = [word for mood in words.moods.values() for word in mood.say]
    assert len(set(said)) == len(said)


def test_no_words_say_two_scenes(words):
    said = [text for scene in words.scenes.values() for text in scene.say]
    assert len(set(said)) == len(said)


def test_no_noun_says_two_pictures(words):
    said = [noun for picture in words.pictures.values() for noun in picture.say]
    assert len(set(said)) == len(said)


def test_scenes_expect_what_is_known(words):
    for name, scene in words.scenes.items():
        assert scene.say and scene.expect and scene.expect.keys() <= EXPECTED, name
        assert {*scene.expect.get("hues", ()), *scene.expect.get("shows", ())} <= set(FAMILIES), name
        assert {*scene.expect.get("pictures", ())} <= words.trained_pictures().keys(), name


def test_whatever_is_drawn_of_a_scene_is_a_valid_program(words):
    for name, scene in words.scenes.items():
        for number, answer in enumerate(scene.answers):
            for draw in range(3):
                steps = notation.steps(answer["steps"], random.Random(f"{name}{number}{draw}"), words.pictures)
                assert len(steps) <= 12 and answer.keys() <= {"steps", "loop"}, name
                assert validate({"program": {"name": name, "steps": steps}}) == [], name


def test_a_scene_stands_for_several_programs(words):
    for name, scene in words.scenes.items():
        programs = {
            str(notation.steps(answer["steps"], random.Random(draw), words.pictures))
            for answer in scene.answers
            for draw in range(8)
        }
        # A traffic light has its three colours; most of what happens can look otherwise.
        assert len(programs) >= 2, name


def test_there_are_the_230_objects_and_more_that_were_asked_for(words):
    assert len(words.trained_pictures()) >= 230


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


# Phrases -----------------------------------------------------------------------------------------------------


def test_a_unit_is_named_by_version_category_and_subcategory(words):
    assert words.units["v1", "pattern", ""].key == "v1/pattern"
    assert words.units["v2", "pattern", "speed"].key == "v2/pattern/speed"
    assert {unit.category for unit in words.units.values()} == set(get_args(Category))
    assert all((unit.lengths is None) == (unit.version == "v1") for unit in words.units.values())


def test_phrases_have_words_weights_and_slots_that_exist(words):
    assert {"object", "color", "minutes2", "percent"} <= SLOTS
    for unit, group in groups_of(words):
        assert group.weight > 0 and group.say, unit.key
        parts = len(group.meaning.get("parts", [0]))
        for text in group.say:
            for number, slot in SLOT.findall(text):
                assert slot in SLOTS | {"a"} and int(number or 1) <= parts, f"{unit.key}: {text}"
            assert not re.search(r"[{}]", SLOT.sub("", text)), f"{unit.key}: {text}"


def test_meanings_have_known_intents_and_say_only_what_goes_with_them(words):
    for unit, meaning in meanings(words):
        assert meaning["intent"] in get_args(Intent)
        allowed = KEYS[meaning["intent"]] | {"intent", "title", "change", "duration_ms"}
        assert meaning.keys() <= allowed, f"{unit.key}: {meaning}"
        assert meaning.get("change", "slower") in get_args(Change), unit.key


def test_what_a_meaning_names_is_in_the_seed_data(words):
    banks = {"object": words.trained_pictures(), "mood": words.moods, "scene": words.scenes}
    colors = set(words.colors.values())
    for unit, meaning in meanings(words):
        for key, bank in banks.items():
            assert meaning.get(key) is None or meaning[key] in bank, f"{unit.key}: {meaning}"
        assert {*meaning.get("colors", ()), meaning.get("ground", "#FF0000")} <= colors, f"{unit.key}: {meaning}"
        assert meaning.get("pattern", "solid") in PATTERN_DEFAULTS, unit.key
        assert re.fullmatch(r"[A-Z0-9 +.!:-]+", meaning.get("text", "HI")), f"{unit.key}: {meaning}"
        assert re.fullmatch(r"[a-z0-9][a-z0-9 '-]{0,31}", meaning.get("title", "a")), f"{unit.key}: {meaning}"


def test_what_a_phrase_picks_from_is_in_the_banks_that_it_narrows(words):
    banks = {
        "object": words.trained_pictures(), "mood": words.moods, "scene": words.scenes, "color": words.colors,
        "activity": words.activities, "place": words.places, "time": words.times,
    }  # fmt: skip
    for unit, group in groups_of(words):
        for slot, picked in group.pick.items():
            assert picked and slot in SLOTS, unit.key
            assert {*picked} <= {*banks.get(slot, picked)}, f"{unit.key}: {slot} {picked}"


def test_only_follow_ups_change_what_is_running(words):
    changing = {unit.key for unit, meaning in meanings(words) if "change" in meaning}
    assert changing == {"v2/conversational/follow_up"}


def test_every_unit_has_phrases_of_each_length_that_it_uses(words):
    for unit in words.units.values():
        if unit.lengths is None:
            continue
        lengths = [len(say.split()) for group in unit.groups for say in group.say]
        found = [any(low <= n <= high for n in lengths) for low, high in ((1, 3), (4, 8), (9, 99))]
        assert all(there for share, there in zip(unit.lengths, found, strict=True) if share), unit.key


def test_phrases_weigh_one_and_are_of_the_usual_lengths_unless_they_say_otherwise(copied):
    phrases = {"text": [{"meaning": {"intent": "text"}, "say": ["write {word}"]}]}
    (copied / "phrases.yaml").write_text(yaml.safe_dump(phrases))
    group = {"meaning": {"intent": "off"}, "say": ["dark"], "weight": 3, "pick": {"object": ["owl"]}}
    own = {"lengths": [100, 0, 0], "groups": [{"meaning": {"intent": "off"}, "say": ["off"]}]}
    (copied / "requests" / "toy.yaml").write_text(yaml.safe_dump({"a": {"groups": [group]}, "b": own}))
    units = taxonomy.load(copied).units
    [old], [new] = units["v1", "text", ""].groups, units["v2", "toy", "a"].groups
    assert (old.weight, old.say, old.meaning, old.pick) == (1, ("write {word}",), {"intent": "text"}, {})
    assert (new.weight, new.pick) == (3, {"object": ("owl",)})
    assert (units["v2", "toy", "a"].lengths, units["v2", "toy", "b"].lengths) == ((30, 40, 30), (100, 0, 0))


# Mistakes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["activities", "places", "times"])
def test_an_occasion_with_an_unknown_mood_is_named(copied, kind):
    changed(copied / "occasions.yaml", lambda value: value[kind].update(dentistry="drilled"))
    assert "occasions.yaml: dentistry: mood 'drilled' is not in moods.yaml" in refusal(copied)


@pytest.mark.parametrize("name", ["moods", "phrases", "occasions", "colors"])
def test_a_missing_file_says_how_to_restore_it(copied, name):
    (copied / f"{name}.yaml").unlink()
    assert re.search(rf"{name}\.yaml: no such file; restore it \(git checkout ", refusal(copied))


@pytest.mark.parametrize("name", ["scenes", "requests", "pixel_art"])
def test_an_empty_folder_says_how_to_restore_it(copied, name):
    shutil.rmtree(copied / name)
    (copied / name).mkdir()
    assert re.search(rf"{name}: no .*\(\*\.yaml\) there; restore the folder \(git checkout ", refusal(copied))


@pytest.mark.parametrize("name", ["moods.yaml", "scenes/classic.yaml", "requests/text.yaml"])
def test_a_file_that_is_no_yaml_is_named_in_one_line(copied, name):
    (copied / name).write_text("warm: [\n\nsay")
    assert f"{name}: not YAML" in refusal(copied)


@pytest.mark.parametrize("key", ["say", "tempo", "hues", "palette", "ways"])
def test_a_mood_that_lacks_a_key_is_named(copied, key):
    changed(copied / "moods.yaml", lambda value: value["calm"].pop(key))
    assert f"moods.yaml: calm: no {key}; every mood needs" in refusal(copied)


@pytest.mark.parametrize("key", ["say", "expect", "answers"])
def test_a_scene_that_lacks_a_key_is_named(copied, key):
    changed(copied / "scenes" / "classic.yaml", lambda value: value["ocean"].pop(key))
    assert f"classic.yaml: ocean: no {key}; every scene needs" in refusal(copied)


def test_two_scenes_of_one_name_are_refused_with_both_files(copied):
    ocean = yaml.safe_load((copied / "scenes" / "classic.yaml").read_text())["ocean"]
    (copied / "scenes" / "zoo.yaml").write_text(yaml.safe_dump({"ocean": ocean}))
    assert "zoo.yaml: ocean is also in classic.yaml; rename one of them" in refusal(copied)


@pytest.mark.parametrize("lengths", [[30, 40, 29], [50, 50], [120, -20, 0], [25, 25, 25, 25]])
def test_lengths_that_are_no_three_shares_of_a_hundred_are_refused(copied, lengths):
    entry = {"lengths": lengths, "groups": [{"meaning": {"intent": "off"}, "say": ["off"]}]}
    (copied / "requests" / "toy.yaml").write_text(yaml.safe_dump({"bedtime": entry}))
    assert f"toy.yaml: bedtime: lengths {lengths}; three shares that sum to 100" in refusal(copied)


@pytest.mark.parametrize("entry", [[{"say": ["off"]}], {"lengths": [30, 40, 30]}, None])
def test_a_subcategory_without_groups_is_named(copied, entry):
    (copied / "requests" / "toy.yaml").write_text(yaml.safe_dump({"bedtime": entry}))
    assert "toy.yaml: bedtime: no groups; a sub-category is a mapping with groups" in refusal(copied)
