"""Slots being filled: each draw is noted in the meaning, and what is drawn goes with what is there already."""

import random
import re
from collections import Counter
from dataclasses import replace

import pytest

from stages.lamp.color import near, rgb
from stages.lamp.filling import Filling
from stages.lamp.pixel_art import elements

MINUTE = 60_000
DRAWS = 150


@pytest.fixture(scope="module")
def fill(words):
    """Fills slots of a phrase in order: the texts and the filling, with its meaning."""

    def filled(intent, *slots, seed=1, turn=0, taxonomy=words, **more):
        meaning = {"intent": intent, **more.pop("meaning", {})}
        filling = Filling(taxonomy, random.Random(seed), "deal", turn, meaning, **more)
        return [filling.text(slot) for slot in slots], filling

    return filled


@pytest.fixture(scope="module")
def draws(fill):
    """Many fillings of the same slots."""

    def drawn(intent, *slots, **more):
        return [fill(intent, *slots, seed=seed, turn=seed, **more) for seed in range(DRAWS)]

    return drawn


def test_a_slot_that_comes_twice_says_the_same_twice(fill):
    (first, second), filling = fill("pattern", "color", "color")
    assert first == second and len(filling.meaning["colors"]) == 1


# Objects -----------------------------------------------------------------------------------------------------


def test_every_object_that_may_be_learnt_comes_once_before_any_comes_again(fill, words):
    names = words.trained_pictures()
    for deal in range(2):
        drawn = [
            fill("picture", "object", turn=deal * len(names) + turn)[1].meaning["object"] for turn in range(len(names))
        ]
        assert sorted(drawn) == sorted(names)
    assert drawn != sorted(names) and drawn != list(names)


def test_objects_come_in_another_order_in_another_unit(words):
    def order(deal):
        fillings = [Filling(words, random.Random(1), deal, turn, {"intent": "picture"}) for turn in range(30)]
        for filling in fillings:
            filling.fill("object")
        return [filling.meaning["object"] for filling in fillings]

    assert order("one") != order("other")


def test_an_object_is_said_by_one_of_its_nouns(draws, words):
    for (noun,), filling in draws("picture", "object"):
        assert noun in words.pictures[filling.meaning["object"]].say


def test_only_the_first_noun_takes_the_pictures_own_article(fill, words):
    saturn = words.pictures["saturn"]
    assert saturn.article == ""
    toy = replace(words, pictures={"saturn": replace(saturn, say=("saturn", "planet with a ring"))})
    articles = {}
    for seed in range(20):
        [noun], filling = fill("picture", "object", seed=seed, taxonomy=toy)
        articles[noun] = filling.article
    assert articles == {"saturn": "", "planet with a ring": None}


def test_pick_narrows_what_is_drawn(draws):
    found = Counter(
        filling.meaning["object"] for _, filling in draws("picture", "object", pick={"object": ("owl", "fox")})
    )
    assert found.keys() == {"owl", "fox"} and min(found.values()) == DRAWS // 2


def test_where_several_commands_follow_one_another_pictures_are_simple(draws, words):
    sizes = [
        len(elements(words.pictures[filling.meaning["object"]]))
        for _, filling in draws("picture", "object", simple=True)
    ]
    assert max(sizes) <= 13
    assert max(len(elements(words.pictures[f.meaning["object"]])) for _, f in draws("picture", "object")) > 13


# Colours -----------------------------------------------------------------------------------------------------


def test_a_colour_that_is_said_is_the_colour_that_is_meant(draws, words):
    for (one, other), filling in draws("pattern", "color", "color2"):
        assert filling.meaning["colors"] == [words.colors[one], words.colors[other]]


def test_colours_of_one_phrase_differ_clearly(draws):
    for _, filling in draws("blend", "color", "color2", "color3"):
        first, second, third = map(rgb, filling.meaning["colors"])
        assert not near(first, second, 90) and not near(second, third, 90) and not near(first, third, 90)


def test_what_is_drawn_on_black_is_in_no_dark_colour(draws):
    dark = {"black", "navy", "midnight blue", "maroon", "indigo"}
    for intent in ("picture", "text", "clock", "countdown", "status"):
        assert not dark & {text for (text,), _ in draws(intent, "color")}, intent
    assert dark & {text for (text,), _ in draws("pattern", "color")}


def test_a_picture_is_never_painted_in_the_colour_of_another_of_its_parts(draws, words):
    for _, filling in draws("picture", "object", "color"):
        picture = words.pictures[filling.meaning["object"]]
        others = [rgb(color) for letter, color in picture.palette.items() if letter != picture.colour]
        assert not any(near(rgb(filling.meaning["colors"][0]), other, 48) for other in others)


def test_a_ground_differs_from_all_that_stands_on_it(draws, words):
    for _, filling in draws("picture", "object", "ground"):
        parts = words.pictures[filling.meaning["object"]].palette.values()
        apart = not any(near(rgb(filling.meaning["ground"]), rgb(part), 110) for part in parts)
        assert apart or filling.spoken["ground"] == "navy"
    for (_, ground), filling in draws("text", "color", "ground"):
        assert filling.meaning["ground"] == filling.taxonomy.colors[ground]
        assert not near(rgb(filling.meaning["ground"]), rgb(filling.meaning["colors"][0]), 110)


def test_a_colour_differs_from_the_ground_that_was_said_before_it(draws):
    for _, filling in draws("text", "ground", "color"):
        assert not near(rgb(filling.meaning["ground"]), rgb(filling.meaning["colors"][0]), 150)


def test_who_corrects_a_colour_means_the_last_one(draws, words):
    for (said,), filling in draws("pattern", "color", corrects=True):
        [meant] = filling.meaning["colors"]
        word = next(word for word, color in words.colors.items() if color == meant)
        before = said.removesuffix(word)
        assert before != said and re.fullmatch(
            r".+(?: no wait|, no|, I mean|, actually|\.\.\. or rather),? ", before
        ), said
        assert before.split(" no wait")[0].split(",")[0].split("...")[0] in words.colors


def test_one_colour_of_a_phrase_is_corrected_and_no_more(draws, words):
    for (first, second), filling in draws("pattern", "color", "color2", corrects=True):
        assert first not in words.colors and second in words.colors
        assert len(filling.meaning["colors"]) == 2


def test_a_picked_colour_may_be_the_only_one(draws, words):
    for (said,), filling in draws("pattern", "color", corrects=True, pick={"color": ("red",)}):
        assert said == "red" and filling.meaning["colors"] == [words.colors["red"]]


# Moods and occasions -----------------------------------------------------------------------------------------


def test_a_tempo_is_said_by_one_of_its_words(draws):
    said = {"slow": ("slow", "gentle", "lazy"), "medium": ("steady", "moderate"), "fast": ("fast", "quick", "rapid")}
    found = draws("pattern", "tempo")
    assert all(any(word in text for word in said[filling.meaning["tempo"]]) for (text,), filling in found)
    assert {filling.meaning["tempo"] for _, filling in found} == set(said)


def test_a_mood_is_said_by_one_of_its_words(draws, words):
    found = draws("mood", "mood")
    assert all(text in words.moods[filling.meaning["mood"]].say for (text,), filling in found)
    assert {filling.meaning["mood"] for _, filling in draws("mood", "mood", pick={"mood": ("calm", "icy")})} == {
        "calm", "icy",
    }  # fmt: skip


@pytest.mark.parametrize("slot", ["activity", "place", "time"])
def test_an_occasion_has_its_mood_and_gives_the_light_its_title(draws, words, slot):
    bank = {"activity": words.activities, "place": words.places, "time": words.times}[slot]
    for (said,), filling in draws("mood", slot):
        assert filling.meaning["mood"] == bank[said]
        assert filling.meaning["title"] == said.removeprefix("a ").removeprefix("an ")


@pytest.mark.parametrize("order", [("mood", "activity"), ("activity", "mood")])
def test_the_mood_that_is_said_goes_before_that_of_the_occasion(draws, words, order):
    for texts, filling in draws("mood", *order):
        said = texts[order.index("mood")]
        assert said in words.moods[filling.meaning["mood"]].say


def test_an_activity_says_nothing_of_a_picture(draws):
    for _, filling in draws("picture", "object", "activity"):
        assert filling.meaning.keys() == {"intent", "object"}


def test_scenes_are_classic_ones_unless_a_phrase_picks_others(draws, words):
    found = draws("scene", "scene")
    assert all(text in words.scenes[filling.meaning["scene"]].say for (text,), filling in found)
    assert {words.scenes[filling.meaning["scene"]].group for _, filling in found} == {"classic"}
    other = next(name for name, scene in words.scenes.items() if scene.group != "classic")
    assert {filling.meaning["scene"] for _, filling in draws("scene", "scene", pick={"scene": (other,)})} == {other}


# Times, words and numbers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("intent", "slot", "key", "least", "most"),
    [
        ("timer", "minutes", "duration_ms", 30_000, 60 * MINUTE),
        ("dim", "minutes", "duration_ms", 5 * MINUTE, 60 * MINUTE),
        ("candle", "minutes", "duration_ms", 5 * MINUTE, 60 * MINUTE),
        ("pomodoro", "minutes", "work_ms", 5 * MINUTE, 60 * MINUTE),
        ("pomodoro", "minutes2", "break_ms", 2 * MINUTE, 15 * MINUTE),
    ],
)
def test_a_span_is_as_long_as_it_is_said_to_be(draws, intent, slot, key, least, most):
    units = {"second": 1000, "minute": MINUTE, "hour": 60 * MINUTE}
    found = draws(intent, slot)
    for (said,), filling in found:
        plain = said.replace("a quarter of an hour", "15 minutes").replace("half an hour", "30 minutes")
        number, unit = plain.replace("an hour", "1 hour").split()
        assert filling.meaning[key] == int(number) * units[unit.removesuffix("s")], said
    spans = {filling.meaning[key] for _, filling in found}
    assert (min(spans), max(spans)) == (least, most)


def test_a_time_of_day_is_meant_as_it_is_said(draws):
    shifts = {"quarter past": (0, 15), "half past": (0, 30), "quarter to": (-1, 45)}
    for (said,), filling in draws("clock", "hour"):
        before, hour, minute = re.fullmatch(r"(?:([a-z ]+) )?(\d+)(?::(\d\d))?(?: o'clock| sharp)?", said).groups()
        back, after = shifts.get(before, (0, int(minute or 0)))
        assert (filling.meaning["hour"], filling.meaning["minute"]) == ((int(hour) + back - 1) % 12 + 1, after), said


@pytest.mark.parametrize(
    ("intent", "slot", "key", "pattern"),
    [
        ("text", "word", "text", r"[A-Z]{2,5}"),
        ("text", "message", "text", r"[A-Z ]{4,12}"),
        ("text", "number", "text", r"\d{1,2}"),
        ("text", "clock", "text", r"(?:[1-9]|1\d|2[0-3]):[0-5][05]"),
        ("text", "degrees", "text", r"-?\d{1,2}"),
        ("status", "percent", "percent", r"[1-9]?[05]|100"),
        ("countdown", "count", "number", r"[3-9]|10"),
    ],
)
def test_what_is_written_or_counted_is_said(draws, intent, slot, key, pattern):
    found = draws(intent, slot)
    for (said,), filling in found:
        assert str(filling.meaning[key]) == said and re.fullmatch(pattern, said), said
    assert len({said for (said,), _ in found}) > 7


def test_a_date_is_said_as_people_write_it_and_shown_in_capitals(draws):
    for (said,), filling in draws("text", "date"):
        assert re.fullmatch(r"[A-Z][a-z]{2} \d{1,2}", said) and filling.meaning["text"] == said.upper()


def test_a_score_is_said_with_a_dash_and_shown_with_a_colon(draws):
    for (said,), filling in draws("text", "score"):
        assert re.fullmatch(r"\d-\d", said) and filling.meaning["text"] == said.replace("-", ":")


def test_words_and_messages_may_be_picked(draws):
    assert {said for (said,), _ in draws("text", "word", pick={"word": ("GO", "HI")})} == {"GO", "HI"}
    assert {said for (said,), _ in draws("text", "message", pick={"message": ("ON AIR",)})} == {"ON AIR"}


@pytest.mark.parametrize("slots", [("weather", "degrees"), ("degrees", "weather")])
def test_it_is_as_warm_as_the_weather_can_be(draws, slots):
    warmest, coldest = {}, {}
    for texts, filling in draws("weather", *slots):
        weather, degrees = filling.meaning["weather"], filling.meaning["number"]
        assert set(texts) == {weather, str(degrees)}
        warmest[weather] = max(degrees, warmest.get(weather, -99))
        coldest[weather] = min(degrees, coldest.get(weather, 99))
    assert warmest.keys() == {"sunny", "cloudy", "rainy", "snowy", "stormy"}
    assert warmest["snowy"] <= 2 and coldest["rainy"] >= 1 and warmest["sunny"] > 25
