"""The offline teacher: its answers are valid, on brief, and the same for the same request."""

import re
from typing import get_args

import pytest

from stages.lamp import film, font, pixel_art, simulator
from stages.lamp.brief import off_brief
from stages.lamp.program import compact
from stages.lamp.request import Intent
from stages.lamp.teachers.rule_based import RuleBased
from stages.lamp.validation import parse, remarks
from stages.lamp_screened import token_bound

MINUTE = 60_000


@pytest.fixture(scope="module")
def body(words):
    teacher = RuleBased(words, 7)

    def answer(identity="x-1", **meaning):
        request = {"id": identity, "prompt": "", "category": "", "meaning": meaning}
        return teacher.answer(request)["program"]

    return answer


def texts(step):
    return [part["content"] for part in step["command"]["elements"] if part["type"] == "text"]


def durations(body):
    return [step["duration"] for step in body["steps"]]


# Answers to requests of every kind ---------------------------------------------------------------------------


def test_every_answer_is_valid_and_comes_back_as_the_same_bytes(responses):
    for response in responses:
        assert compact(parse(response)) == response


def test_no_answer_relies_on_what_the_lamp_ignores_or_assumes(answers):
    for answer in answers:
        assert remarks(answer) == []


def test_every_answer_is_on_brief_by_its_own_meaning(requests, answers, words):
    wrong = [
        (request["prompt"], why)
        for request, answer in zip(requests, answers, strict=True)
        if (why := off_brief(request["meaning"], answer, words))
    ]
    assert wrong == []


def test_every_answer_has_at_most_12_steps_named_s1_s2_and_so_on(answers):
    for answer in answers:
        ids = [step["id"] for step in answer["program"]["steps"]]
        assert ids == [f"s{number}" for number in range(1, len(ids) + 1)] and len(ids) <= 12


def test_answers_fit_the_models_context(responses):
    assert max(map(len, responses)) < 4000


def test_hardly_any_two_answers_are_the_same(responses):
    assert len(set(responses)) >= 0.96 * len(responses)


def test_hearts_are_drawn_only_where_they_are_asked_for(requests, answers, words):
    heart = pixel_art.elements(words.pictures["heart"])[1:]
    shapes = [{key: part for key, part in element.items() if key != "color"} for element in heart]
    for request, answer in zip(requests, answers, strict=True):
        for step in answer["program"]["steps"]:
            drawn = step["command"].get("elements", [])[1:]
            if [{key: part for key, part in element.items() if key != "color"} for element in drawn] == shapes:
                meant = str(request["meaning"])
                assert "heart" in meant or "valentine" in request["template"] or "'scene'" in meant, request


def test_a_program_is_called_by_the_title_of_its_meaning(requests, answers):
    titled = [pair for pair in zip(requests, answers, strict=True) if "title" in pair[0]["meaning"]]
    assert len(titled) > 100
    for request, answer in titled:
        assert answer["program"]["name"] == request["meaning"]["title"].rstrip()
    names = [answer["program"]["name"] for answer in answers]
    assert [name for name in names if not re.fullmatch(r"[a-z0-9][a-z0-9 '-]{0,31}", name)] == []


def test_an_answer_hangs_on_nothing_but_seed_meaning_and_id(requests, responses, words):
    reversed_answers = [compact(RuleBased(words, 7).answer(request)) for request in requests[::-25]]
    assert reversed_answers == responses[::-25]


def test_answering_one_request_does_not_change_the_answer_to_another(words, requests, responses):
    teacher = RuleBased(words, 7)
    for _ in range(2):
        assert compact(teacher.answer(requests[300])) == responses[300]
        teacher.answer(requests[0])["program"]["steps"].clear()


def test_another_wording_of_the_same_meaning_and_id_gets_the_same_answer(words):
    teacher = RuleBased(words, 7)
    one = {
        "id": "m-1",
        "prompt": "calm",
        "category": "creative",
        "meaning": {"intent": "mood", "mood": "calm"},
    }
    assert teacher.answer(one) == teacher.answer({**one, "prompt": "be calm", "category": "edge_case"})


def test_alternatives_are_taken_by_id_and_by_seed(words):
    meaning = {"intent": "mood", "mood": "calm"}

    def answer(seed, number):
        request = {"id": f"m-{number}", "prompt": "", "category": "", "meaning": meaning}
        return compact(RuleBased(words, seed).answer(request))

    seven = [answer(7, number) for number in range(30)]
    assert len(set(seven)) > 25, "the same mood does not always give the same light"
    assert seven != [answer(8, number) for number in range(30)]


# One intent at a time --------------------------------------------------------------------------------------


def test_a_star_is_drawn_and_stays(body):
    made = body(intent="picture", object="star")
    assert made["name"] == "star" and durations(made) == [None] and "loop" not in made


def test_a_blinking_picture_goes_off_and_on_for_ever(body):
    made = body(intent="picture", object="cat_face", motion="blinks")
    assert made["name"] == "blinking cat face"
    assert made["loop"] == {"count": 0, "start_step": "s1", "end_step": "s2"}
    assert simulator.frame(made["steps"][1]["command"], 0).max() == 0


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("HI", ["HI"]),
        ("24", ["24"]),
        ("WOW", ["WOW"]),
        ("LOVE", ["LO", "VE"]),
        ("HELLO", ["HEL", "LO"]),
        ("12:45", ["12", "45"]),
        ("1:2", ["1:2"]),
        ("-5", ["-5"]),
    ],
)
def test_text_stands_in_one_row_where_it_fits_else_in_two(body, text, rows):
    made = body(intent="text", text=text)
    assert texts(made["steps"][0]) == rows
    for part in made["steps"][0]["command"]["elements"][1:]:
        assert part["x"] >= 0 and part["y"] + font.GLYPH_HEIGHT <= 14


@pytest.mark.parametrize("kind", ["sunny", "cloudy", "rainy", "snowy", "stormy"])
@pytest.mark.parametrize("degrees", [-9, 0, 24, 39])
def test_the_weather_does_not_hide_its_degrees(body, words, kind, degrees):
    meaning = {"intent": "weather", "weather": kind, "number": degrees}
    made = body(**meaning)
    assert texts(made["steps"][0]) == [str(degrees)]
    assert off_brief(meaning, {"program": made}, words) == []


def test_a_pulse_goes_on(body):
    made = body(intent="pattern", pattern="pulse", colors=["#FF0000"], tempo="fast")
    assert made["loop"]["count"] == 0
    assert durations(made) == [made["steps"][0]["command"]["params"]["speed"]]


def test_slow_is_slower_than_medium_and_medium_than_fast(body):
    for pattern in ("breathing", "wave", "rainbow", "pulse", "sparkle"):
        speeds = [
            body(intent="pattern", pattern=pattern, colors=["#FF0000", "#00FF00"], tempo=tempo)["steps"][0]["command"][
                "params"
            ]["speed"]
            for tempo in ("slow", "medium", "fast")
        ]
        assert speeds == sorted(speeds, reverse=True) and len(set(speeds)) == 3


def test_no_tempo_is_a_medium_one(body):
    said = body(intent="pattern", pattern="wave", colors=["#FF0000", "#00FF00"], tempo="medium")
    assert body(intent="pattern", pattern="wave", colors=["#FF0000", "#00FF00"]) == said


@pytest.mark.parametrize(
    ("ms", "labels"),
    [
        (30_000, ["30", "24", "18", "12", "6"]),
        (90_000, ["90", "72", "54", "36", "18"]),
        (2 * MINUTE, ["2", "1"]),
        (3 * MINUTE, ["3", "2", "1"]),
        (10 * MINUTE, ["10", "8", "6", "4", "2"]),
        (25 * MINUTE, ["25", "20", "15", "10", "5"]),
        (60 * MINUTE, ["60", "48", "36", "24", "12"]),
    ],
)
def test_a_timer_shows_the_time_that_is_left_and_lasts_what_was_asked(body, ms, labels):
    made = body(intent="timer", duration_ms=ms)
    assert [texts(step)[0] for step in made["steps"]] == labels
    assert sum(durations(made)) == ms
    assert film.watch({"program": made}).total_ms == ms
    bars = [part["w"] for step in made["steps"] for part in step["command"]["elements"] if part["type"] == "rect"]
    assert bars[0] == 10 and bars == sorted(bars, reverse=True) and bars[-1] >= 1
    end = simulator.frame(made["on_complete"]["command"], 200)
    assert end.max() > 100 and made["on_complete"]["command"]["name"] in ("sparkle", "rainbow", "wave")


@pytest.mark.parametrize("ms", sorted(set(range(MINUTE // 2, 3 * MINUTE, 30_000)) | {7 * MINUTE, 61 * MINUTE}))
def test_any_timer_has_at_least_two_and_at_most_twelve_phases_and_its_whole_time(body, ms):
    made = body(intent="timer", duration_ms=ms)
    assert 2 <= len(made["steps"]) <= 12
    assert abs(sum(durations(made)) - ms) <= len(made["steps"])


def test_a_pomodoro_is_work_and_rest_four_times_and_then_a_celebration(body):
    made = body(intent="pomodoro", work_ms=25 * MINUTE, break_ms=5 * MINUTE)
    assert durations(made) == [25 * MINUTE, 5 * MINUTE]
    assert [texts(step)[0] for step in made["steps"]] == ["25", "5"]
    assert made["loop"] == {"count": 4, "start_step": "s1", "end_step": "s2"}
    assert film.watch({"program": made}).total_ms == 120 * MINUTE and "on_complete" in made


def test_a_countdown_shows_each_number_for_a_second(body):
    made = body(intent="countdown", number=10)
    assert [texts(step)[0] for step in made["steps"]] == [str(left) for left in range(10, 0, -1)]
    assert set(durations(made)) == {1000}


def test_dimming_ends_in_the_dark_after_the_time_asked_for(body):
    made = body(intent="dim", duration_ms=30 * MINUTE)
    lights = [shot.light for shot in film.watch({"program": made}).shots]
    assert lights == sorted(lights, reverse=True) and lights[-1] == 0 and len(set(lights)) == len(lights)
    assert sum(durations(made)) == 30 * MINUTE


def test_a_fade_is_done_after_the_time_asked_for(body):
    made = body(intent="fade", colors=["#FF0000", "#0000FF"], duration_ms=5 * MINUTE)
    assert sum(durations(made)) == 5 * MINUTE
    assert made["on_complete"]["command"]["params"]["color"] == "#0000FF"


def test_a_cycle_goes_through_its_colours_for_ever(body):
    made = body(intent="cycle", colors=["#FF0000", "#00FF00", "#0000FF"])
    assert [step["command"]["params"]["color"] for step in made["steps"]] == ["#FF0000", "#00FF00", "#0000FF"]
    assert made["loop"] == {"count": 0, "start_step": "s1", "end_step": "s3"}


def test_what_comes_after_something_else_stays(body, words):
    made = body(intent="then", first="countdown", second="celebrate", number=3)
    assert durations(made) == [1000, 1000, 1000, None] and made["name"] == "countdown then celebrate"
    made = body(intent="then", first="flash", second="picture", object="star", colors=["#00FFFF"])
    flash, star = made["steps"]
    assert flash["command"]["name"] == "pulse" and flash["duration"] == flash["command"]["params"]["speed"]
    assert off_brief({"intent": "picture", "object": "star"}, {"program": {**made, "steps": [star]}}, words) == []


@pytest.mark.parametrize("place", pixel_art.PLACES)
def test_a_picture_at_a_place_is_half_as_large_and_stands_there(body, words, place):
    [step] = body(intent="picture", object="owl", place=place)["steps"]
    _, *drawn = step["command"]["elements"]
    assert drawn == pixel_art.elements(pixel_art.placed(words.pictures["owl"], place))[1:]


def test_a_picture_in_a_mood_stands_on_a_dark_shade_of_it(body, words):
    grounds = set()
    for number in range(20):
        [step] = body(f"x-{number}", intent="picture", object="owl", mood="calm")["steps"]
        ground = step["command"]["elements"][0]
        assert ground["type"] == "fill" and max(simulator.frame({"type": "render", "elements": [ground]}, 0)[0]) < 64
        grounds.add(ground["color"])
    assert len(grounds) > 2


def test_a_picture_is_like_itself_in_every_mood(body, words):
    for name in words.moods:
        meaning = {"intent": "picture", "object": "full_moon", "mood": name}
        for number in range(4):
            assert off_brief(meaning, {"program": body(f"x-{number}", **meaning)}, words) == [], name


@pytest.mark.parametrize(
    "meaning",
    [{"object": "dragon"}, {"object": "rose", "colors": ["#39FF14"]}, {"object": "owl", "motion": "blinks"}],
)
def test_a_picture_without_a_said_ground_stands_on_one_of_a_few_that_suit_it(body, words, meaning):
    made = [body(f"x-{number}", intent="picture", **meaning) for number in range(60)]
    grounds = [one["steps"][0]["command"]["elements"][0]["color"] for one in made]
    assert 5 < len(set(grounds)) <= 15 and "#000000" in grounds
    for one in made:
        assert off_brief({"intent": "picture", **meaning}, {"program": one}, words) == []


def test_every_picture_stands_out_from_any_ground_it_is_given(body, words):
    for name in words.pictures:
        meaning = {"intent": "picture", "object": name}
        assert off_brief(meaning, {"program": body(name, **meaning)}, words) == [], name


def test_no_twinkling_picture_is_too_long_for_the_data(body, words):
    for name in words.pictures:
        made = body(intent="picture", object=name, motion="sparkles")
        assert token_bound(compact({"program": made})) <= 2000, name


def test_colours_and_grounds_that_are_said_are_taken(body, words):
    [step] = body(intent="picture", object="owl", colors=["#00C800"], ground="#000080")["steps"]
    assert step["command"]["elements"] == pixel_art.elements(words.pictures["owl"].recoloured("#00C800"), "#000080")


def test_a_twinkling_picture_keeps_still_and_its_lights_change(body, words):
    made = body(intent="picture", object="owl", motion="sparkles")
    assert made["loop"]["count"] == 0 and len(made["steps"]) == 2
    owl = len(pixel_art.elements(words.pictures["owl"]))
    first, second = (step["command"]["elements"] for step in made["steps"])
    assert first[:owl] == second[:owl] and first[owl:] != second[owl:]


def test_a_blend_goes_through_its_three_colours_for_ever(body):
    made = body(intent="blend", colors=["#FF0000", "#00C800", "#0000FF"])
    pairs = [tuple(step["command"]["params"].values()) for step in made["steps"]]
    assert pairs == [("#FF0000", "#00C800"), ("#00C800", "#0000FF")] and made["loop"]["count"] == 0
    assert len(set(durations(made))) == 1


def test_a_dim_pattern_has_less_light_and_the_same_hue(body, words):
    bright, dim = (
        film.watch({"program": body(intent="pattern", pattern="solid", colors=["#0000FF"], **light)})
        for light in ({}, {"brightness": "dim"})
    )
    assert dim.shots[0].light < bright.shots[0].light / 2 and dim.families == {"blue": 1}


@pytest.mark.parametrize("brightness", ["dim", "bright"])
def test_a_mood_is_as_bright_as_was_said(body, words, brightness):
    for name in words.moods:
        meaning = {"intent": "mood", "mood": name, "brightness": brightness}
        if words.moods[name].light in (None, brightness):
            assert off_brief(meaning, {"program": body(**meaning)}, words) == [], name


def test_a_candle_burns_down_in_the_time_asked_for_and_goes_out(body):
    made = body(intent="candle", duration_ms=35 * MINUTE)
    assert sum(durations(made)) == 35 * MINUTE and made["on_complete"] == {"command": {"type": "stop"}}


def test_big_digits_are_drawn_where_they_are_asked_for_and_the_countdown_is_not_too_long(body):
    def drawn_large(number, **meaning):
        made = body(intent="countdown", number=number, **meaning)
        return [not texts(step) for step in made["steps"]]

    assert drawn_large(5, place="big") == [True] * 5 and drawn_large(5) == [False] * 5
    assert drawn_large(10, place="big")[0] is False, "two digits are as wide as the lamp anyway"


def test_off_is_dark(body):
    assert body(intent="off")["steps"] == [{"id": "s1", "command": {"type": "stop"}, "duration": None}]


def test_every_intent_has_a_rule(words):
    assert set(RuleBased(words, 1)._rules) == set(get_args(Intent))
