"""Requests of every unit: unlike each other, never held out, as long as they should be, a larger quota only adds."""

import re
from collections import Counter, defaultdict
from dataclasses import replace
from typing import get_args

import pytest

from stages.errors import UserError
from stages.lamp import phrasing
from stages.lamp.held_out import benchmark_twin
from stages.lamp.request import Change
from stages.lamp.similarity import normalised, pairs
from stages.lamp.taxonomy import Phrases, Unit

STAR = ({"intent": "picture", "object": "star"}, "show a star", "a red star")


def toy(*groups, lengths=None, subcategory="bedtime"):
    """A unit of phrases made up here: (meaning, say, ...) each."""
    phrases = tuple(Phrases(meaning, tuple(say)) for meaning, *say in groups)
    return Unit("v2" if lengths else "v1", "toy", subcategory if lengths else "", phrases, lengths)


def off(*say, **more):
    return toy(({"intent": "off"}, *say), **more)


def prompts(rows):
    return [row["prompt"] for row in rows]


def by_unit(requests):
    found = defaultdict(list)
    for row in requests:
        found[row["template"].partition("#")[0]].append(row)
    return found


# All units ---------------------------------------------------------------------------------------------------


def test_quotas_are_met_exactly_in_every_category_and_subcategory(requests, quotas):
    found = Counter(row["template"].partition("#")[0] for row in requests)
    assert found == {"/".join(part for part in key if part): quota for key, quota in quotas.items()}
    new = Counter((row["version"], row["category"], row["subcategory"]) for row in requests if row["version"] == "v2")
    assert new == {key: quota for key, quota in quotas.items() if key[0] == "v2"}


def test_a_row_has_an_id_of_its_unit_its_place_its_template_and_its_meaning(requests):
    keys = ["id", "prompt", "category", "subcategory", "version", "template", "meaning"]
    assert all(list(row) == keys for row in requests)
    for unit, rows in by_unit(requests).items():
        assert [row["id"] for row in rows] == [f"{unit.replace('/', '-')}-{number:05}" for number in range(len(rows))]
    ids = [row["id"] for row in requests]
    assert len(set(ids)) == len(ids) and "v1-pattern-00012" in ids


def test_an_original_category_has_its_intents_for_subcategories(requests):
    for row in requests:
        if row["version"] == "v1":
            assert row["subcategory"] == row["meaning"]["intent"]


def test_a_template_is_the_number_of_a_phrase(requests, words):
    for row in requests:
        unit = words.units[row["version"], row["category"], row["subcategory"] * (row["version"] == "v2")]
        lines = [group.meaning["intent"] for group in unit.groups for _ in group.say]
        assert lines[int(row["template"].partition("#")[2])] == row["meaning"]["intent"], row


def test_no_two_requests_of_a_unit_are_nearly_the_same(requests):
    for unit, rows in by_unit(requests).items():
        said = prompts(rows)
        assert len({normalised(prompt) for prompt in said}) == len(said), unit
        assert [pair for pair in pairs(said, 0.8) if pair[2] > 0.8] == [], unit


@pytest.mark.parametrize(
    "key", [("v1", "edge_case", ""), ("v2", "pattern", "speed"), ("v2", "edge_case", "very_short")]
)
def test_no_two_of_a_whole_unit_are_nearly_the_same(ask, key):
    said = prompts(ask(key, 50 if key[2] == "very_short" else 100))
    assert [pair for pair in pairs(said, 0.8) if pair[2] > 0.8] == []


def test_a_unit_that_has_nothing_else_to_say_is_filled_with_what_a_screen_still_keeps(ask):
    said = prompts(ask(("v2", "edge_case", "very_long"), 133))  # of a corpus of 20,000
    alike = [(later, likeness) for _, later, likeness in pairs(said, 0.8) if likeness > 0.8]
    assert alike and min(later for later, _ in alike) >= 50, "not before its phrases are used up"
    assert max(likeness for _, likeness in alike) <= 0.9


@pytest.mark.parametrize("seed", [8, 9])
def test_a_whole_request_that_stands_in_one_unit_is_not_said_by_a_lone_slot_of_another(ask, words, seed):
    others = {
        normalised(line)
        for unit in words.units.values()
        for group in unit.groups
        for line in group.say
        if "{" not in line and unit.version == "v2"
    }
    own = {normalised(line) for group in words.units["v1", "edge_case", ""].groups for line in group.say}
    assert {"hyper", "cool white"} <= others - own, "a mood and a colour that people say by themselves"
    said = {normalised(prompt) for prompt in prompts(ask(("v1", "edge_case", ""), 200, seed=seed))}
    assert said & (others - own) == set()


def test_no_request_is_a_benchmark_request_in_any_wording(requests, benchmark_path):
    assert [prompt for prompt in prompts(requests) if benchmark_twin(prompt, benchmark_path)] == []


def test_without_the_check_some_would_be(words, tmp_path, benchmark_path):
    empty = tmp_path / "benchmark.yaml"
    empty.write_text("[]")
    rows = phrasing.requests(words, words.units["v1", "render", ""], 300, 7, empty, "the quota")
    assert any(benchmark_twin(prompt, benchmark_path) for prompt in prompts(rows))


def test_unseen_objects_never_occur(requests, words):
    unseen = [picture for picture in words.pictures.values() if picture.group == "unseen"]
    assert unseen
    said = {noun.lower() for picture in unseen for noun in (picture.name.replace("_", " "), *picture.say)}
    expression = re.compile(rf"\b(?:{'|'.join(map(re.escape, said))})(?:s|es)?\b")
    assert [prompt for prompt in prompts(requests) if expression.search(prompt.lower())] == []
    names = {picture.name for picture in unseen}
    meant = [part for row in requests for part in (row["meaning"], *row["meaning"].get("parts", ()))]
    assert [meaning for meaning in meant if meaning.get("object") in names] == []


def test_most_are_said_plainly_and_some_as_people_speak(requests):
    spoken = [prompt for prompt in prompts(requests) if prompt.startswith(phrasing._OPENINGS)]
    assert 0.05 < len(spoken) / len(requests) < 0.25
    ended = [prompt for prompt in prompts(requests) if prompt.endswith(phrasing._ENDINGS)]
    assert 0.05 < len(ended) / len(requests) < 0.35


def test_some_colours_are_corrected_in_longer_requests(ask):
    rows = [row for key in ("multi_color", "speed", "intensity") for row in ask(("v2", "pattern", key), 60)]
    corrected = [
        prompt for prompt in prompts(rows) if re.search(r"no wait|, no, |, I mean|, actually |or rather", prompt)
    ]
    assert 1 <= len(corrected) < 0.2 * len(rows)


def test_politeness_does_not_come_twice_at_the_end(requests):
    assert [prompt for prompt in prompts(requests) if re.search(r"(please|plz|pls|\?) please$", prompt)] == []


def test_no_slot_is_left_open_and_no_space_too_many(requests):
    odd = re.compile(r"[{}]|  |^ | $|\b(?:an?|the) (?:an?|the)\b| ,")
    assert [prompt for prompt in prompts(requests) if odd.search(prompt)] == []


# All 7,500 ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def corpus(ask, own_quotas):
    """What the repository's own parameters give."""
    return [row for key, quota in own_quotas.items() for row in ask(key, quota)]


def meant(rows):
    """The meanings of rows and of the parts of sequences."""
    return [part for row in rows for part in (row["meaning"], *row["meaning"].get("parts", ()))]


def test_there_are_7500_of_which_no_two_are_nearly_the_same_whatever_their_unit(corpus):
    said = prompts(corpus)
    assert len({normalised(prompt) for prompt in said}) == len(said) == 7500
    assert [pair for pair in pairs(said, 0.9) if pair[2] > 0.9] == []


def test_the_new_ones_are_short_middling_and_long_as_people_speak(corpus):
    new = [prompt for row, prompt in zip(corpus, prompts(corpus), strict=True) if row["version"] == "v2"]
    lengths = Counter(map(phrasing.length_class, new))
    assert len(new) == 5000
    assert all(abs(lengths[length] / 50 - share) <= 2 for length, share in enumerate((30, 40, 30)))
    assert sum(len(prompt.split()) for prompt in new) / len(new) >= 6.7


def test_every_object_is_asked_for_and_none_much_more_often_than_others(corpus, words):
    asked = Counter(meaning["object"] for meaning in meant(corpus) if "object" in meaning)
    assert asked.keys() == words.trained_pictures().keys()
    assert max(asked.values()) < 0.02 * sum(asked.values())


def test_every_intent_mood_and_classic_scene_is_asked_for(corpus, words):
    intents = {group.meaning["intent"] for unit in words.units.values() for group in unit.groups}
    assert {meaning["intent"] for meaning in meant(corpus)} == intents
    assert {meaning["mood"] for meaning in meant(corpus) if "mood" in meaning} == words.moods.keys()
    scenes = {meaning["scene"] for meaning in meant(corpus) if "scene" in meaning}
    assert scenes >= {name for name, scene in words.scenes.items() if scene.group == "classic"}
    assert len(scenes) > 0.9 * len(words.scenes)


def test_every_change_to_a_running_program_is_asked_for(corpus):
    assert {row["meaning"].get("change") for row in corpus} - {None} == {*get_args(Change)}


def test_no_phrase_is_behind_more_than_one_in_a_hundred(corpus):
    [(template, most)] = Counter(row["template"] for row in corpus).most_common(1)
    assert most <= 0.01 * len(corpus), template


def test_sequences_are_mostly_no_timers(corpus):
    steps = [row["meaning"]["intent"] for row in corpus if row["category"] == "multi_step"]
    timers = sum(intent in ("timer", "pomodoro", "countdown", "dim") for intent in steps)
    assert len(steps) == 1000 and timers <= 0.2 * len(steps)


@pytest.mark.parametrize("seed", [8, 9])
def test_units_of_a_category_share_the_objects_so_that_all_of_them_are_drawn(ask, own_quotas, words, seed):
    keys = [key for key in own_quotas if key[:2] == ("v2", "render_diverse")]
    rows = [row for key in keys for row in ask(key, own_quotas[key], seed=seed)]
    assert {row["meaning"]["object"] for row in rows} == words.trained_pictures().keys()


# Lengths -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("words", "length"), [(1, 0), (3, 0), (4, 1), (8, 1), (9, 2), (40, 2)])
def test_up_to_three_words_are_short_and_nine_or_more_are_long(words, length):
    assert phrasing.length_class("go " * words) == length


def test_every_unit_has_the_length_shares_that_it_wants(requests, words):
    for name, rows in by_unit(requests).items():
        unit = next(unit for unit in words.units.values() if unit.key == name)
        if unit.lengths is None:
            continue
        found = Counter(phrasing.length_class(row["prompt"]) for row in rows)
        for length, share in enumerate(unit.lengths):
            assert abs(found[length] - len(rows) * share / 100) <= 1.5, (name, found)


@pytest.mark.parametrize("lengths", [(30, 40, 30), (0, 0, 100), (10, 0, 90), (42, 45, 13)])
def test_any_beginning_of_a_unit_has_nearly_its_length_shares(lengths):
    unit = off("dark", lengths=lengths)
    wanted = [phrasing._wanted_length(unit, number) for number in range(1000)]
    for count in (20, 50, 200, 1000):
        found = Counter(wanted[:count])
        assert all(abs(found[length] - count * share / 100) <= 2 for length, share in enumerate(lengths))


def test_a_unit_without_shares_takes_any_length(ask):
    rows = ask(off("dark", "turn the lamp off for the night"), 8)
    assert {phrasing.length_class(prompt) for prompt in prompts(rows)} >= {0, 1}


def test_a_phrase_that_is_too_short_is_said_with_more_around_it(ask):
    rows = ask(off("switch it off", lengths=(0, 100, 0)), 10)
    assert all(4 <= len(prompt.split()) <= 8 and "switch it off" in prompt for prompt in prompts(rows))


# Templates ---------------------------------------------------------------------------------------------------


def test_phrases_of_a_length_are_dealt_in_turn(ask):
    unit = off(*(f"{name} off" for name in ("all", "lamp", "light", "rest")), lengths=(100, 0, 0))
    used = [row["template"] for row in ask(unit, 8)]
    assert len(set(used[:4])) == len(set(used[4:])) == 4, "all of them before any comes again"
    assert used[:4] != [f"v2/toy/bedtime#{number}" for number in range(4)]


@pytest.mark.parametrize(
    "key", [("v2", "contextual", "weather_aware"), ("v2", "text", "status"), ("v2", "pattern", "speed")]
)
def test_no_phrase_of_a_unit_comes_much_more_often_than_others(ask, words, key):
    lines = sum(len(group.say) for group in words.units[key].groups)
    used = Counter(row["template"] for row in ask(key, 100))
    assert max(used.values()) <= 100 / lines + 4
    assert len(used) > 0.6 * min(100, lines)


def test_a_phrase_with_more_weight_comes_more_often(ask):
    groups = (
        Phrases({"intent": "text"}, ("rare {number} {word}",), 1),
        Phrases({"intent": "text"}, ("often {number} {word}",), 9),
    )
    rows = ask(Unit("v1", "toy", "", groups, None), 200)
    assert 150 < sum("often" in prompt for prompt in prompts(rows)) < 198


# One unit at a time ------------------------------------------------------------------------------------------

UNITS = [
    ("v1", "render", ""), ("v1", "edge_case", ""), ("v2", "conversational", "follow_up"), ("v2", "text", "countdown"),
    ("v2", "mixed", "text_pattern"), ("v2", "seasonal_holiday", "easter"),
]  # fmt: skip


@pytest.mark.parametrize("key", UNITS)
def test_a_larger_quota_only_adds_rows(ask, key):
    few, many = ask(key, 15), ask(key, 30)
    assert many[:15] == few and len(many) == 30


def test_a_unit_hangs_on_no_other(ask, words):
    key = ("v2", "pattern", "speed")
    alone = replace(words, units={key: words.units[key]})
    assert ask(key, 20, taxonomy=alone) == ask(key, 20)


def test_the_same_seed_gives_the_same_requests_and_another_gives_others(ask):
    key = ("v2", "text", "dynamic")
    assert ask(key, 20, seed=7) == ask(key, 20, seed=7)
    assert set(prompts(ask(key, 20, seed=7))) != set(prompts(ask(key, 20, seed=8)))


def test_what_a_unit_gives_of_held_out_requests_does_not_count(ask):
    rows = ask(toy(STAR), 5)
    assert len(rows) == 5 and "show a star" not in prompts(rows)


def test_a_quota_of_none_gives_none(ask):
    assert ask(("v1", "pattern", ""), 0) == []


@pytest.mark.parametrize("unit", [off("off", "lights out"), off("off", "lights out", lengths=(100, 0, 0))])
def test_a_quota_that_the_phrases_cannot_fill_gives_one_clear_line(words, benchmark_path, unit):
    where = "params.yaml, lamp_prompts.v2.toy.bedtime"
    with pytest.raises(UserError) as caught:
        list(phrasing.requests(words, unit, 500, 7, benchmark_path, where))
    line = str(caught.value)
    assert "\n" not in line and line.startswith(f"{where}: 500 requests wanted")
    assert re.search(rf"the phrases of {unit.key} gave only \d+ different ones; lower the quota or add phrases", line)


def test_a_negative_quota_gives_one_clear_line(words, benchmark_path):
    with pytest.raises(UserError, match=r"^params\.yaml, lamp_prompts\.v1\.text: -1 is negative; take 0 or more$"):
        list(phrasing.requests(words, off("off"), -1, 7, benchmark_path, "params.yaml, lamp_prompts.v1.text"))
