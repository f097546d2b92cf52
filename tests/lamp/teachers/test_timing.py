"""Programs that last what they say: timers, pomodoros, countdowns, dimming, candles."""

import random
from itertools import pairwise

import pytest

from stages.lamp import simulator
from stages.lamp.color import family, luminance
from stages.lamp.teachers import timing

MINUTE = 60_000


def draws(make, count=12):
    return [make(random.Random(seed)) for seed in range(count)]


def texts(command):
    return [element["content"] for element in command["elements"] if element["type"] == "text"]


def lit(command):
    """The lit cells of a command, with their colours."""
    frame = simulator.grid(simulator.frame(command, 0)).tolist()
    return {(x, y): tuple(cell) for y, row in enumerate(frame) for x, cell in enumerate(row) if max(cell) >= 96}


@pytest.mark.parametrize(
    "total", [30_000, 90_000, MINUTE, 2 * MINUTE, 7 * MINUTE, 25 * MINUTE, 40 * MINUTE, 60 * MINUTE]
)
def test_a_timer_lasts_its_time_in_at_most_twelve_parts_and_its_bar_shortens(total):
    for shown in draws(lambda rng: timing.timer(total, rng)):
        assert 2 <= len(shown) <= 12 and abs(sum(lasts for _, lasts in shown) - total) <= len(shown)
        left = [int(texts(command)[0]) for command, _ in shown]
        assert left[0] == (total // MINUTE if total >= 2 * MINUTE else total // 1000)
        assert left == sorted(set(left), reverse=True) and left[-1] > 0
        bars = [command["elements"][-1]["w"] for command, _ in shown]
        assert bars[0] == 10 and bars == sorted(bars, reverse=True) and bars[-1] >= 1


def test_timers_look_different():
    colors = {str(shown[0][0]["elements"]) for shown in draws(lambda rng: timing.timer(5 * MINUTE, rng), 40)}
    assert len(colors) > 10


def test_a_pomodoro_is_minutes_of_work_on_a_warm_ground_and_of_rest_on_a_cool_one():
    for (work, works), (rest, rests) in draws(lambda rng: timing.pomodoro(25 * MINUTE, 5 * MINUTE, rng)):
        assert (texts(work), works, texts(rest), rests) == (["25"], 25 * MINUTE, ["5"], 5 * MINUTE)
        grounds = [simulator.frame({"type": "render", "elements": one["elements"][:1]}, 0)[0] for one in (work, rest)]
        assert grounds[0][0] > grounds[1][0], "the warm one has more red"


@pytest.mark.parametrize("big", [False, True])
def test_a_countdown_is_each_number_for_a_second(big):
    shown = timing.countdown(3, "#FF0000", random.Random(1), big)
    assert [lasts for _, lasts in shown] == [1000] * 3
    if not big:
        assert [texts(command) for command, _ in shown] == [["3"], ["2"], ["1"]]
    sizes = [len(lit(command)) for command, _ in shown]
    assert min(sizes) > (15 if big else 4)


def test_the_numbers_of_one_countdown_stand_in_one_place_and_those_of_another_elsewhere():
    counts = draws(lambda rng: timing.countdown(3, "#FF0000", rng))
    rows = [{element["y"] for command, _ in shown for element in command["elements"][1:]} for shown in counts]
    assert all(len(each) == 1 for each in rows)
    assert set.union(*rows) == {2, 4, 6}


def test_dimming_gets_darker_step_by_step_and_lasts_its_time():
    for shown in draws(lambda rng: timing.dimming(20 * MINUTE, rng), 40):
        lights = [luminance(simulator.frame(command, 0)) for command, _ in shown]
        assert all(after < before for before, after in pairwise(lights)) and lights[-1] < 0.08
        assert sum(lasts for _, lasts in shown) == 20 * MINUTE


def test_a_candle_gets_shorter_step_by_step_and_its_flame_comes_down_with_it():
    for shown in draws(lambda rng: timing.candle(35 * MINUTE, rng)):
        assert sum(lasts for _, lasts in shown) == 35 * MINUTE
        tops = [min(y for _, y in lit(command)) for command, _ in shown]
        assert tops == sorted(set(tops)), "it burns from the top"
        for command, _ in shown:
            cells = lit(command)
            flame = [
                y
                for (_, y), color in cells.items()
                if family(color) in ("orange", "yellow") and y < min(cells, key=lambda cell: cell[1])[1] + 4
            ]
            assert len(flame) >= 4 and max(y for _, y in cells) == 13, "a flame on top, the foot at the bottom"


def test_candles_are_of_several_colours():
    assert len({str(shown) for shown in draws(lambda rng: timing.candle(35 * MINUTE, rng), 30)}) >= 4


@pytest.mark.parametrize(
    ("total", "said"), [(MINUTE, "1 min"), (90_000, "90 s"), (30_000, "30 s"), (60 * MINUTE, "60 min")]
)
def test_a_span_is_said_in_minutes_where_it_is_whole_minutes(total, said):
    assert timing.span(total) == said
