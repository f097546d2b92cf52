"""Requests in right English that mean what they say: articles, colours, objects, times, parts, titles."""

import re
from dataclasses import replace

import pytest

from stages.lamp.taxonomy import Phrases, Unit

# Vowel letters that sound like a consonant, and consonant letters that do not.
SOUNDS_LIKE_A_CONSONANT = re.compile(r"uni|use|usu|eu|one\b|once\b|ufo|u-", re.I)
SOUNDS_LIKE_A_VOWEL = re.compile(r"hour|honest|heir|(?-i:X\b)|8|11\b|18\b", re.I)
SLOT = re.compile(r"\{(?:(\d)\.)?(\w+)\}")


@pytest.fixture
def say(ask, words):
    """The request that a phrase gives, of a unit made up here."""

    def said(phrase, meaning, seed=3, count=1, lengths=None, pictures=None, **more):
        unit = Unit("v2" if lengths else "v1", "toy", "x", (Phrases(meaning, (phrase,), 1, **more),), lengths)
        rows = ask(unit, count, seed=seed, taxonomy=replace(words, pictures=pictures or words.pictures))
        return rows[0] if count == 1 else rows

    return said


def phrase_of(row, words):
    """The phrase and the meaning that a request was made from."""
    unit = words.units[row["version"], row["category"], row["subcategory"] * (row["version"] == "v2")]
    lines = [(group, say) for group in unit.groups for say in group.say]
    group, line = lines[int(row["template"].partition("#")[2])]
    return line, group.meaning


def slots(row, words):
    """The slots of the request's phrase, and which part of the meaning each is noted in."""
    line, _ = phrase_of(row, words)
    parts = row["meaning"].get("parts", [row["meaning"]])
    return [(name, parts[int(number or 1) - 1]) for number, name in SLOT.findall(line)]


# English -----------------------------------------------------------------------------------------------------


def test_articles_go_with_the_sound_that_follows(requests):
    wrong = []
    for row in requests:
        if row["subcategory"] in ("multilingual", "typo"):
            continue
        for article, following in re.findall(r"\b(an?) (\w\S*)", row["prompt"]):
            vowel = bool(re.match(r"[aeiou]", following)) and not SOUNDS_LIKE_A_CONSONANT.match(following)
            if (article == "an") != (vowel or bool(SOUNDS_LIKE_A_VOWEL.match(following))):
                wrong.append(row["prompt"])
    assert wrong == []


@pytest.mark.parametrize(
    ("picture", "phrase", "article"),
    [
        ("owl", "draw {a} {object}", "draw an owl"),
        ("hourglass", "draw {a} {object}", "draw an hourglass"),
        ("unicorn", "draw {a} {object}", "draw a unicorn"),
        ("x_mark", "draw {a} {object}", "draw an X mark"),
        ("ufo", "draw {a} {object}", "draw a UFO"),
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
def test_an_object_takes_its_own_article_or_the_usual_one(say, words, picture, phrase, article):
    one = replace(words.pictures[picture], say=words.pictures[picture].say[:1])
    row = say(phrase + " in a vase", {"intent": "picture"}, pictures={picture: one})
    assert f"{article} in a vase" in row["prompt"]


@pytest.mark.parametrize("lengths", [None, (0, 100, 0)])
@pytest.mark.parametrize("number", [8, 11, 18, 7, 10])
def test_a_number_takes_the_article_of_its_sound(say, number, lengths):
    article = "an" if number in (8, 11, 18) else "a"
    row = say(f"a {number} second countdown or so", {"intent": "off"}, lengths=lengths)
    assert f"{article} {number} second countdown or so" in row["prompt"]


def test_a_count_of_eight_is_said_and_takes_an(say):
    rows = say("{a} {count} second countdown in {color}", {"intent": "countdown"}, count=60)
    eights = [row["prompt"] for row in rows if " 8 second" in row["prompt"]]
    assert eights and all("an 8 second" in prompt for prompt in eights)
    assert not any(re.search(r"\ban (?!8\b)\d", row["prompt"]) for row in rows)


def test_what_takes_no_article_has_none_anywhere(requests, words):
    # The first noun takes none; further ones ("planet with a ring") follow the usual rule.
    nouns = {picture.say[0] for picture in words.trained_pictures().values() if picture.article == ""}
    assert "piano keys" in nouns
    said = "|".join(map(re.escape, nouns))
    # "a pair of glasses" and "a corn field" are about another noun.
    adjectives = r"(?:(?!behind|over|on|then|first|of|with|around)[\w-]+ )*"
    expression = re.compile(rf"\ban? {adjectives}(?:{said})\b(?! (?:cob|face|plant|field)s?\b)")
    assert [row["prompt"] for row in requests if expression.search(row["prompt"])] == []


def test_an_opening_takes_the_capital_from_a_sentence_but_not_from_i_or_from_capitals(say):
    openings = {
        "Make it dark": "make it dark",
        "I'd like it dark": "I'd like it dark",
        "SOS light off": "SOS light off",
    }
    for phrase, opened in openings.items():
        rows = [say(phrase, {"intent": "off"}, seed=seed) for seed in range(60)]
        found = {row["prompt"].partition(", ")[2] for row in rows if row["prompt"].startswith(("hey lamp, ", "um, "))}
        assert found == {opened}


# Meanings ----------------------------------------------------------------------------------------------------


def test_the_colours_that_are_meant_are_said_in_this_order(requests, words):
    names, checked = {value: word for word, value in words.colors.items()}, 0
    for row in requests:
        for part in row["meaning"].get("parts", [row["meaning"]]):
            said = [name for name, of in slots(row, words) if name.startswith("color") and of is part]
            at, literal = 0, len(part.get("colors", [])) - len(dict.fromkeys(said))
            for color in part.get("colors", [])[literal:]:
                at = row["prompt"].lower().find(names[color], at)
                assert at >= 0, row
                at += len(names[color])
                checked += 1
    assert checked > 200


def test_the_ground_that_is_meant_is_said_and_differs_from_what_stands_on_it(requests, words):
    names = {value: word for word, value in words.colors.items()}
    with_ground = [part for row in requests for name, part in slots(row, words) if name == "ground"]
    assert len(with_ground) > 20
    for row in requests:
        for name, part in slots(row, words):
            if name == "ground":
                assert names[part["ground"]] in row["prompt"].lower()
                assert part["ground"] not in part.get("colors", [])


def test_no_colour_is_said_twice_for_one_thing(requests):
    for row in requests:
        for part in row["meaning"].get("parts", [row["meaning"]]):
            colors = part.get("colors", [])
            assert len(set(colors)) == len(colors), row


def test_objects_moods_and_scenes_that_are_meant_are_said(requests, words):
    banks = {"object": words.pictures, "mood": words.moods, "scene": words.scenes}
    checked = dict.fromkeys(banks, 0)
    for row in requests:
        for name, part in slots(row, words):
            if name in banks:
                said = banks[name][part[name]].say
                assert any(text.lower() in row["prompt"].lower() for text in said), row
                checked[name] += 1
    assert min(checked.values()) >= 10


def test_times_texts_and_numbers_that_are_meant_are_said(requests, words):
    keys = {
        "word": "text",
        "message": "text",
        "number": "text",
        "clock": "text",
        "count": "number",
        "percent": "percent",
    }
    units, checked = {"second": 1000, "minute": 60_000, "hour": 3_600_000}, 0
    for row in requests:
        prompt = row["prompt"].replace("half an hour", "30 minutes").replace("a quarter of an hour", "15 minutes")
        spans = {int(n) * units[unit] for n, unit in re.findall(r"(\d+) (second|minute|hour)", prompt)}
        spans |= {3_600_000} if "an hour" in prompt else set()
        for name, part in slots(row, words):
            if name in keys:
                assert str(part[keys[name]]) in prompt, row
            elif name == "minutes":
                assert part["work_ms" if part["intent"] == "pomodoro" else "duration_ms"] in spans, row
            checked += name in keys or name == "minutes"
    assert checked > 60


def test_who_corrects_a_colour_means_the_last_one(say, words):
    rows = say("paint the whole room {color}", {"intent": "pattern", "pattern": "solid"}, lengths=(0, 50, 50), count=60)
    names, checked = {value: word for word, value in words.colors.items()}, 0
    for row in rows:
        match = re.search(
            r"room ([\w ]+?)(?: no wait,|, no,|, I mean|, actually|\.\.\. or rather) ([\w ]+)", row["prompt"]
        )
        if match:
            [meant] = row["meaning"]["colors"]
            assert match[1] in words.colors and match[2].startswith(names[meant]), row
            checked += 1
    assert 2 <= checked <= 12


# Parts, picks, titles ----------------------------------------------------------------------------------------


def test_a_slot_with_a_number_belongs_to_that_part(say, words):
    parts = {"intent": "sequence", "parts": [{"intent": "picture"}, {"intent": "pattern", "pattern": "breathing"}]}
    for seed in range(10):
        row = say("draw {1.a} {1.color} {1.object}, then {2.color} breathing {2.tempo}", parts, seed=seed)
        picture, pattern = row["meaning"]["parts"]
        said = re.search(r"draw an? (.+), then (.+) breathing (.+)", row["prompt"])
        drawn = words.pictures[picture["object"]]
        color = next(word for word, value in words.colors.items() if value == picture["colors"][0])
        assert said[1] in {f"{color} {noun}" for noun in drawn.say} or not drawn.article
        assert words.colors[said[2]] == pattern["colors"][0]
        assert picture.keys() == {"intent", "object", "colors"}
        assert pattern.keys() == {"intent", "pattern", "colors", "tempo"}


def test_parts_of_the_seed_data_stay_as_they_were(say):
    meaning = {"intent": "sequence", "parts": [{"intent": "picture"}, {"intent": "off"}]}
    say("{1.a} {1.object} and then off", meaning)
    assert meaning == {"intent": "sequence", "parts": [{"intent": "picture"}, {"intent": "off"}]}


def test_a_phrase_picks_from_fewer(say):
    rows = say("draw {a} {object} in {color}", {"intent": "picture"}, count=20, pick={"object": ("owl", "fox")})
    assert {row["meaning"]["object"] for row in rows} == {"owl", "fox"}


def test_a_light_is_called_by_what_its_phrase_calls_it(say):
    row = say("bedtime soon", {"intent": "mood", "mood": "sleepy", "title": "winding down"})
    assert row["meaning"]["title"] == "winding down"


def test_a_mood_or_a_pattern_without_a_title_is_called_by_the_first_words_that_say_something(say):
    row = say("could you show me gentle rolling hills", {"intent": "mood", "mood": "natural"}, lengths=(0, 100, 0))
    assert row["meaning"]["title"] == "gentle rolling"
    assert "title" not in say("show me an off day", {"intent": "off"})["meaning"]


def test_titles_are_names_that_a_program_may_have(requests):
    titles = [row["meaning"]["title"] for row in requests if "title" in row["meaning"]]
    assert len(titles) > 100
    assert [title for title in titles if not re.fullmatch(r"[a-z0-9][a-z0-9 '-]{0,31}", title)] == []


@pytest.mark.parametrize("size", ["big", "large", "huge"])
def test_who_wants_large_digits_means_them(say, size):
    row = say(f"count down from {{count}} in {size} digits", {"intent": "countdown"}, seed=1)
    assert row["meaning"]["place"] == "big"
    assert "place" not in say("count down from {count}", {"intent": "countdown"})["meaning"]
