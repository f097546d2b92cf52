"""2,500 generated requests: unique, in quota, never held out, in right English, and meaning what they say."""

import re
from collections import Counter
from dataclasses import replace

import pytest

from stages.errors import UserError
from stages.lamp import phrasing
from stages.lamp.held_out import benchmark_twin
from stages.lamp.taxonomy import Phrases

# Vowel letters that sound like a consonant, and consonant letters that do not.
SOUNDS_LIKE_A_CONSONANT = re.compile(r"uni|use|usu|eu|one\b|once\b|ufo", re.I)
SOUNDS_LIKE_A_VOWEL = re.compile(r"hour|honest|heir", re.I)


def words_of(prompt):
    return re.findall(r"[a-z0-9']+(?:-[a-z0-9]+)*", prompt.lower())


def by_id(rows):
    return {row["id"]: row for row in rows}


# The set as a whole ----------------------------------------------------------------------------------------


def test_quotas_are_met_exactly(requests, quotas):
    assert Counter(row["category"] for row in requests) == quotas
    assert len(requests) == 2500


def test_every_request_and_every_id_is_unique_whatever_the_case(requests):
    assert len({row["prompt"].lower() for row in requests}) == 2500
    assert len({row["id"] for row in requests}) == 2500


def test_an_id_names_its_category(requests):
    assert all(re.fullmatch(rf"{row['category']}-\d{{6}}", row["id"]) for row in requests)


def test_no_request_is_a_benchmark_request_in_any_wording(requests, benchmark_path):
    assert [row["prompt"] for row in requests if benchmark_twin(row["prompt"], benchmark_path)] == []


def test_without_the_check_some_would_be(words, tmp_path, benchmark_path):
    empty = tmp_path / "benchmark.yaml"
    empty.write_text("[]")
    rows = phrasing.requests(words, {"render": 300}, 7, empty)
    assert any(benchmark_twin(row["prompt"], benchmark_path) for row in rows)


def test_unseen_objects_never_occur(requests, words):
    unseen = [picture for picture in words.pictures.values() if picture.group == "unseen"]
    assert unseen
    said = {noun.lower() for picture in unseen for noun in (picture.name.replace("_", " "), *picture.say)}
    expression = re.compile(rf"\b(?:{'|'.join(map(re.escape, said))})(?:s|es)?\b")
    assert [row["prompt"] for row in requests if expression.search(row["prompt"].lower())] == []
    names = {picture.name for picture in unseen}
    assert [row for row in requests if row["meaning"].get("object") in names] == []


def test_every_other_picture_is_asked_for_about_equally_often(requests, words):
    asked = Counter(row["meaning"]["object"] for row in requests if "object" in row["meaning"])
    assert asked.keys() == words.trained_pictures().keys()
    assert min(asked.values()) >= 2


def test_every_mood_scene_and_intent_is_asked_for(requests, words):
    assert {row["meaning"].get("mood") for row in requests} >= words.moods.keys()
    assert {row["meaning"].get("scene") for row in requests} >= words.scenes.keys()
    intents = {phrases.meaning["intent"] for group in words.phrases.values() for phrases in group}
    assert {row["meaning"]["intent"] for row in requests} == intents


# English ---------------------------------------------------------------------------------------------------


def test_articles_go_with_the_sound_that_follows(requests):
    wrong = []
    for row in requests:
        for article, following in re.findall(r"\b(an?) ([a-z]\S*)", row["prompt"], re.I):
            vowel = bool(re.match(r"[aeiou]", following, re.I))
            vowel = (vowel and not SOUNDS_LIKE_A_CONSONANT.match(following)) or bool(
                SOUNDS_LIKE_A_VOWEL.match(following)
            )
            if (article.lower() == "an") != vowel:
                wrong.append(row["prompt"])
    assert wrong == []


@pytest.mark.parametrize(
    ("picture", "say", "article"),
    [
        ("hourglass", "draw {a} {object}", "draw an hourglass"),
        ("eye", "draw {a} {object}", "draw an eye"),
        ("anchor", "draw {a} {object}", "draw an anchor"),
        ("house", "draw {a} {object}", "draw a house"),
        ("saturn", "draw {a} {object}", "draw saturn"),
        ("eye", "{a} cheerful {object}", "a cheerful eye"),
        ("house", "{a} orange {object}", "an orange house"),
        ("house", "{a} unicorn {object}", "a unicorn house"),
        ("hourglass", "{a} red {object}", "a red hourglass"),
        ("piano_keys", "draw {a} {object}", "draw piano keys"),
        ("piano_keys", "draw {a} red {object}", "draw red piano keys"),
        ("piano_keys", "draw {a} midnight blue {object}", "draw midnight blue piano keys"),
        ("piano_keys", "make me a nice {object}", "make me nice piano keys"),
        ("piano_keys", "{object} on {a} red wall", "piano keys on a red wall"),
    ],
)
def test_an_object_takes_its_own_article_or_the_usual_one(words, benchmark_path, picture, say, article):
    one = replace(words.pictures[picture], say=words.pictures[picture].say[:1])
    toy = replace(
        words,
        pictures={picture: one},
        phrases={"render": (Phrases({"intent": "picture"}, (say + " in a vase",), 1),)},
    )
    drawn = next(phrasing.requests(toy, {"render": 1}, 3, benchmark_path))["prompt"]
    assert f"{article} in a vase" in drawn


def test_no_slot_is_left_open_and_no_space_too_many(requests):
    odd = re.compile(r"[{}]|  |^ | $|\b(?:an?|the) (?:an?|the)\b| ,")
    assert [row["prompt"] for row in requests if odd.search(row["prompt"])] == []


def test_some_are_said_as_people_speak_and_most_are_not(requests):
    spoken = [row for row in requests if row["prompt"].startswith(phrasing._OPENINGS)]
    assert 0.05 < len(spoken) / len(requests) < 0.25


def test_politeness_does_not_come_twice_at_the_end(requests):
    assert [row["prompt"] for row in requests if re.search(r"(please|plz|pls|\?) please$", row["prompt"])] == []


@pytest.mark.parametrize(
    ("say", "said"),
    [
        ("a 8 second countdown", "an 8 second countdown"),
        ("a 11 second countdown", "an 11 second countdown"),
        ("a 18 second countdown", "an 18 second countdown"),
        ("a 7 second countdown", "a 7 second countdown"),
        ("a 10 second countdown", "a 10 second countdown"),
    ],
)
def test_a_number_takes_the_article_of_its_sound(words, benchmark_path, say, said):
    toy = replace(words, phrases={"multi_step": (Phrases({"intent": "off"}, (say + " or so",), 1),)})
    assert f"{said} or so" in next(phrasing.requests(toy, {"multi_step": 1}, 3, benchmark_path))["prompt"]


def test_a_count_of_eight_is_said_and_takes_an(words, benchmark_path):
    say = ("{a} {count} second countdown in {color}",)
    toy = replace(words, phrases={"multi_step": (Phrases({"intent": "countdown"}, say, 1),)})
    prompts = [row["prompt"] for row in phrasing.requests(toy, {"multi_step": 60}, 3, benchmark_path)]
    eights = [prompt for prompt in prompts if " 8 second" in prompt]
    assert eights and all("an 8 second" in prompt for prompt in eights)
    assert not any(re.search(r"\ban (?!8\b)\d", prompt) for prompt in prompts)


def test_what_takes_no_article_has_none_anywhere(requests, words):
    # The first noun takes none; further ones ("planet with a ring") follow the usual rule.
    nouns = {picture.say[0] for picture in words.trained_pictures().values() if picture.article == ""}
    assert "piano keys" in nouns
    expression = re.compile(rf"\ban? (?:(?!behind|over|on|then|first)[\w-]+ )*(?:{'|'.join(map(re.escape, nouns))})\b")
    assert [row["prompt"] for row in requests if expression.search(row["prompt"])] == []


# Meanings --------------------------------------------------------------------------------------------------


def test_the_colours_that_are_meant_are_said_in_this_order(requests, words):
    names = {value: word for word, value in words.colors.items()}
    for row in requests:
        at = 0
        for color in row["meaning"].get("colors", []):
            at = row["prompt"].find(names[color], at)
            assert at >= 0, row
            at += len(names[color])


def test_the_ground_that_is_meant_is_said_and_differs_from_what_stands_on_it(requests, words):
    names = {value: word for word, value in words.colors.items()}
    with_ground = [row for row in requests if "ground" in row["meaning"]]
    assert len(with_ground) > 50
    for row in with_ground:
        assert names[row["meaning"]["ground"]] in row["prompt"]
        assert row["meaning"]["ground"] not in row["meaning"].get("colors", [])


def test_no_colour_is_said_twice_in_one_request(requests):
    for row in requests:
        colors = row["meaning"].get("colors", [])
        assert len(set(colors)) == len(colors), row


def test_the_object_that_is_meant_is_said(requests, words):
    for row in requests:
        if "object" in row["meaning"]:
            assert any(noun in row["prompt"] for noun in words.pictures[row["meaning"]["object"]].say), row


def test_the_time_that_is_meant_is_said(requests):
    units = {"second": 1000, "minute": 60_000, "hour": 3_600_000}
    checked = 0
    for row in requests:
        spans = [row["meaning"][key] for key in ("duration_ms", "work_ms", "break_ms") if key in row["meaning"]]
        prompt = row["prompt"].replace("half an hour", "30 minutes").replace("a quarter of an hour", "15 minutes")
        prompt = prompt.replace("an hour", "1 hour")
        said = [int(n) * units[unit] for n, unit in re.findall(r"(\d+) (second|minute|hour)", prompt)]
        if row["meaning"]["intent"] == "pomodoro" and not said:
            assert spans == [1_500_000, 300_000]
        elif row["meaning"]["intent"] in ("timer", "pomodoro", "dim", "fade", "then"):
            assert sorted(said) == sorted(spans), row
            checked += bool(said)
    assert checked > 100


def test_the_time_on_a_clock_is_said(requests):
    checked = 0
    for row in requests:
        if row["meaning"]["intent"] != "clock":
            continue
        prompt, hour, minute = row["prompt"], row["meaning"]["hour"], row["meaning"]["minute"]
        said = re.search(r"(quarter past|quarter to|half past)? ?(\d+)(?::(\d\d))?", prompt)
        before = said[1]
        wanted_hour = (int(said[2]) - 2) % 12 + 1 if before == "quarter to" else int(said[2])
        wanted_minute = {"quarter past": 15, "quarter to": 45, "half past": 30}.get(before, int(said[3] or 0))
        assert (hour, minute) == (wanted_hour, wanted_minute), prompt
        checked += 1
    assert checked > 20


def test_texts_numbers_and_weather_that_are_meant_are_said(requests):
    for row in requests:
        meaning, prompt = row["meaning"], row["prompt"]
        if "text" in meaning:
            assert meaning["text"] in prompt or meaning["text"].replace(":", "-") in prompt, row
        if "number" in meaning:
            assert str(meaning["number"]) in words_of(prompt) or f"{meaning['number']} degrees" in prompt, row
        if "weather" in meaning:
            assert meaning["weather"] in prompt


def test_the_tempo_that_is_meant_is_said(requests):
    said = {
        "slow": ("slow", "gentle", "lazy"),
        "medium": ("steady", "moderate"),
        "fast": ("fast", "quick", "rapid"),
    }
    for row in requests:
        tempo = row["meaning"].get("tempo")
        if tempo:
            assert any(word in row["prompt"] for word in said[tempo]), row


# One row at a time -----------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_requests_and_another_gives_others(words, benchmark_path):
    def made(seed):
        return list(phrasing.requests(words, {"pattern": 40, "text": 20}, seed, benchmark_path))

    assert made(7) == made(7)
    assert {row["prompt"] for row in made(7)} != {row["prompt"] for row in made(8)}


@pytest.mark.parametrize("grown", ["pattern", "render", "multi_step", "mixed", "text", "creative", "edge_case"])
def test_doubling_one_quota_leaves_all_other_rows_as_they_were(words, benchmark_path, quotas, grown):
    small = {category: quota // 10 for category, quota in quotas.items()}
    before = by_id(phrasing.requests(words, small, 7, benchmark_path))
    after = by_id(phrasing.requests(words, {**small, grown: 2 * small[grown]}, 7, benchmark_path))
    assert {identity: after.get(identity) for identity in before} == before
    added = [row for identity, row in after.items() if identity not in before]
    assert [row["category"] for row in added] == [grown] * small[grown]


@pytest.mark.parametrize("seed", [7, 15])
def test_many_of_one_category_take_nothing_from_another_that_says_the_same(words, benchmark_path, seed):
    few, many = (
        list(phrasing.requests(words, {"pattern": count, "edge_case": 200}, seed, benchmark_path))
        for count in (50, 800)
    )
    assert [row for row in few if row["category"] == "edge_case"] == [
        row for row in many if row["category"] == "edge_case"
    ]
    assert few[:50] == many[:50]


@pytest.mark.parametrize("seed", [7, 15])
@pytest.mark.parametrize("factor", [1, 2])
def test_no_request_comes_twice_in_whatever_category(words, benchmark_path, quotas, seed, factor):
    wanted = {category: factor * quota for category, quota in quotas.items()}
    asked = Counter(row["prompt"].lower() for row in phrasing.requests(words, wanted, seed, benchmark_path))
    assert [prompt for prompt, count in asked.items() if count > 1] == []
    assert len(asked) == factor * 2500


def test_a_short_request_belongs_to_one_of_the_two_categories_that_could_say_it(words):
    for color in words.colors:
        claims = [category for category in ("pattern", "edge_case") if phrasing._claims(category, f"{color} please")]
        assert len(claims) == 1 and phrasing._claims("render", f"{color} please")


@pytest.mark.parametrize("quotas", [{"pattern": -1}, {"pattern": 3, "text": -1}])
def test_a_negative_quota_gives_one_clear_line(words, benchmark_path, quotas):
    with pytest.raises(UserError, match=r"^params\.yaml, lamp_prompts\.quotas\.\w+: -1 is negative; take 0 or more$"):
        list(phrasing.requests(words, quotas, 7, benchmark_path))


def test_a_quota_of_none_gives_none(words, benchmark_path):
    assert list(phrasing.requests(words, {"pattern": 0}, 7, benchmark_path)) == []


def toy_phrases(words, *say):
    return replace(words, phrases={"edge_case": (Phrases({"intent": "off"}, say, 1),)})


def test_too_large_a_quota_gives_one_clear_line(words, benchmark_path):
    toy = toy_phrases(words, "off", "lights out")
    with pytest.raises(UserError) as caught:
        list(phrasing.requests(toy, {"edge_case": 500}, 7, benchmark_path))
    line = str(caught.value)
    assert "\n" not in line and "lamp_prompts.quotas.edge_case: 500 requests wanted" in line
    assert re.search(r"gave only \d+ different ones; lower the quota", line)


def test_a_category_without_phrases_is_named(words, benchmark_path):
    with pytest.raises(UserError, match=r"no phrases for category 'nonsense' in phrases\.yaml"):
        list(phrasing.requests(words, {"nonsense": 1}, 7, benchmark_path))


def test_what_a_category_gives_of_held_out_requests_does_not_count(words, benchmark_path):
    meaning = {"intent": "picture", "object": "star"}
    toy = replace(words, phrases={"render": (Phrases(meaning, ("show a star", "a red star"), 1),)})
    rows = list(phrasing.requests(toy, {"render": 5}, 7, benchmark_path))
    assert len(rows) == 5 and "show a star" not in {row["prompt"] for row in rows}


def test_a_phrase_with_more_weight_comes_more_often(words, benchmark_path):
    groups = (
        Phrases({"intent": "text"}, ("rare {number} {word}",), 1),
        Phrases({"intent": "text"}, ("often {number} {word}",), 9),
    )
    rows = list(phrasing.requests(replace(words, phrases={"text": groups}), {"text": 200}, 7, benchmark_path))
    assert 150 < sum("often" in row["prompt"] for row in rows) < 198
