"""Checks of timers, countdowns, dimming, candles and fades: right answers pass, spoilt ones fail for their reason."""

import pytest

from stages.lamp.brief import off_brief
from stages.lamp.validation import validate
from tests.lamp.spoiling import (
    all_durations,
    command,
    content,
    duration,
    ending,
    label,
    on_top,
    played,
    recolour,
    reordered,
    without_end,
)

COUNT = {"intent": "countdown", "number": 3, "colors": ["#FF0000"]}
BIG_COUNT = {"intent": "countdown", "number": 5, "place": "big"}
TIMER = {"intent": "timer", "duration_ms": 1_800_000}
POMODORO = {"intent": "pomodoro", "work_ms": 1_500_000, "break_ms": 300_000}
DIM = {"intent": "dim", "duration_ms": 1_800_000}
CANDLE = {"intent": "candle", "duration_ms": 1_800_000}
FADE = {"intent": "fade", "colors": ["#FF0000", "#0000FF"], "duration_ms": 60_000}


SPOILT = [
    # a meaning, how its right answer is spoilt, what the reason says
    (TIMER, duration(1000), "instead of 1800000"),
    (TIMER, duration(None, -1), "never ends"),
    (POMODORO, duration(600_000), "no work ends after 1500000 ms"),
    (POMODORO, duration(600_000, 1), "no break ends after 1800000 ms"),
    (COUNT, content("4"), "says '4' instead of '3'"),
    (COUNT, reordered(2, 1, 0), "says '1' instead of '3'"),
    (COUNT, reordered(0, 1), "says '' instead of '1'"),
    (COUNT, duration(5000, 1), "2 is shown for 5000 ms instead of a second"),
    (COUNT, recolour(("#FF0000", "#0000FF")), "3 is not #FF0000"),
    (BIG_COUNT, reordered(0, 2, 1, 3, 4), "says '' instead of '4'"),
    (BIG_COUNT, command("solid FFFFFF"), "says '' instead of '5'"),
    (BIG_COUNT, duration(300, 2), "3 is shown for 300 ms instead of a second"),
    (DIM, duration(1000), "instead of 1800000"),
    (DIM, reordered(1, 0, 2, 3, 4), "gets brighter on the way"),
    (DIM, ending("solid 4D2600"), "does not end dark"),
    (DIM, without_end, "does not end dark"),
    (DIM, reordered(0), "does not dim in steps"),
    (CANDLE, duration(1000), "instead of 1800000"),
    (CANDLE, duration(None, -1), "never ends"),
    (CANDLE, reordered(1, 0, 2, 3, 4, 5, 6), "the candle does not get shorter step by step"),
    (CANDLE, reordered(0, 0, 1, 2, 3, 4, 5), "the candle does not get shorter step by step"),
    (CANDLE, reordered(0, 6), "the candle does not get shorter step by step"),
    (CANDLE, on_top("rect 0 0 10 6 1F0F00"), "no flame in step 1"),
    (CANDLE, command("solid 00C800", 3), "no flame in step 4"),
    (FADE, recolour(("#FF0000", "#0000FF"), ("#0000FF", "#FF0000")), "starts in another colour than #FF0000"),
    (FADE, ending("solid 00FF00"), "ends in another colour than #0000FF"),
    (FADE, reordered(0), "jumps instead of fading"),
    (FADE, duration(45_000, 0), "is there after 90000 ms instead of 60000"),
]


@pytest.mark.parametrize(("meaning", "spoil", "reason"), SPOILT, ids=label)
def test_a_right_answer_passes_and_a_spoilt_one_fails_for_its_reason(words, right, meaning, spoil, reason):
    program = right(**meaning)
    assert off_brief(meaning, program, words) == []
    spoil(program)
    assert validate(program) == [], "only what is valid is checked"
    found = off_brief(meaning, program, words)
    assert any(reason in said for said in found), found


def test_a_two_per_cent_longer_timer_is_right_and_a_three_per_cent_longer_one_is_not(words):
    def lasting(ms):
        return played(f"solid FFFFFF for {ms // 2}", f"solid 808080 for {ms // 2}")

    assert off_brief(TIMER, lasting(1_836_000), words) == []
    assert off_brief(TIMER, lasting(1_764_000), words) == []
    assert off_brief(TIMER, lasting(1_854_000), words) == ["lasts 1854000 ms instead of 1800000"]
    assert off_brief(TIMER, lasting(1_746_000), words) == ["lasts 1746000 ms instead of 1800000"]


def test_a_single_light_is_no_timer(words):
    one = "solid FFFFFF for 1800000"
    assert off_brief(TIMER, played(one), words) == ["nothing shows that time passes"]
    assert off_brief(TIMER, played(one, end="solid 00FF00"), words) == ["nothing shows that time passes"], "nor its end"
    assert off_brief(TIMER, played("solid FFFFFF for 900000", "solid FFFFFF for 900000"), words) == []


@pytest.mark.parametrize(("ms", "right_pace"), [(700, False), (800, True), (1200, True), (1300, False)])
def test_a_second_of_a_countdown_may_be_a_fifth_off(words, right, ms, right_pace):
    program = right(**COUNT)
    all_durations(ms)(program)
    assert (off_brief(COUNT, program, words) == []) == right_pace


def test_a_countdown_may_begin_with_nothing_but_its_number(words, right):
    assert off_brief({**COUNT, "number": 4}, right(**COUNT), words) != []
    assert off_brief({**COUNT, "number": 2}, right(**COUNT), words) != []


def test_a_pomodoro_may_show_more_than_two_steps(words):
    halves = played(*["solid FF0000 for 750000"] * 2, "solid 00C800 for 300000")
    assert off_brief(POMODORO, halves, words) == []


def test_a_fade_without_a_time_takes_as_long_as_it_likes(words):
    meaning = {"intent": "fade", "colors": ["#FF0000", "#0000FF"]}
    for ms in (100, 100_000):
        lines = (f"solid FF0000 for {ms}", f"gradient FF0000 0000FF for {ms}", f"solid 0000FF for {ms}")
        assert off_brief(meaning, played(*lines), words) == []
