"""The offline teacher: its answers are valid, on brief, and the same for the same request."""

from typing import get_args

import pytest

from stages.lamp import film, font, simulator
from stages.lamp.brief import off_brief
from stages.lamp.program import compact
from stages.lamp.request import Intent
from stages.lamp.teachers.rule_based import RuleBased
from stages.lamp.validation import parse, remarks

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


# All 2,500 -------------------------------------------------------------------------------------------------


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


def test_an_answer_hangs_on_nothing_but_seed_meaning_and_id(requests, responses, words):
    reversed_answers = [compact(RuleBased(words, 7).answer(request)) for request in requests[::-25]]
    assert reversed_answers == responses[::-25]


def test_answering_one_request_does_not_change_the_answer_to_another(words, requests, responses):
    teacher = RuleBased(words, 7)
    for _ in range(2):
        assert compact(teacher.answer(requests[600])) == responses[600]
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
    assert len(set(seven)) == len(words.moods["calm"].answers)
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
    assert made["on_complete"]["command"]["name"] == "sparkle"


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


def test_what_comes_after_something_else_stays(body):
    made = body(intent="then", first="countdown", second="celebrate", number=3)
    assert durations(made) == [1000, 1000, 1000, None] and made["name"] == "countdown then celebrate"
    made = body(intent="then", first="flash", second="picture", object="star", colors=["#00FFFF"])
    flash, star = made["steps"]
    assert flash["command"]["name"] == "pulse" and flash["duration"] == flash["command"]["params"]["speed"]
    assert star["command"]["elements"] == body(intent="picture", object="star")["steps"][0]["command"]["elements"]


def test_off_is_dark(body):
    assert body(intent="off")["steps"] == [{"id": "s1", "command": {"type": "stop"}, "duration": None}]


def test_every_intent_has_a_rule(words):
    assert set(RuleBased(words, 1)._rules) == set(get_args(Intent))
