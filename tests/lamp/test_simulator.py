"""The simulator against formulas written out naively, frames worked out by hand, and plain replay."""

import colorsys
import itertools
import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.lamp import simulator
from stages.lamp.program import ADAPTER
from stages.lamp.simulator import Schedule, frame, frame_at, grid

AMBIENT = slice(140, 172)


def pattern(name, **params):
    return {"type": "pattern", "name": name, "params": params}


def render(*elements):
    return {"type": "render", "elements": list(elements)}


def program(*steps, loop=None, final=None):
    """Steps are (command, duration); loop is (count, first step number, last)."""
    body = {
        "name": "test",
        "steps": [{"id": f"s{n}", "command": c, "duration": d} for n, (c, d) in enumerate(steps)],
        "loop": loop and {"count": loop[0], "start_step": f"s{loop[1]}", "end_step": f"s{loop[2]}"},
        "on_complete": final and {"command": final},
    }
    return ADAPTER.validate_python({"program": body})


A, B, C = (pattern("solid", color=color) for color in ("#AA0000", "#00BB00", "#0000CC"))
END = {"type": "stop"}


# Schedule


@st.composite
def small_programs(draw):
    durations = draw(st.lists(st.integers(1, 5), min_size=1, max_size=5))
    steps = [(pattern("solid", color=f"#{n:06x}"), d) for n, d in enumerate(durations)]
    if draw(st.booleans()):
        steps[-1] = (steps[-1][0], None)
    last = draw(st.integers(0, len(steps) - 1))
    loop = draw(st.none() | st.tuples(st.integers(0, 3), st.integers(0, last), st.just(last)))
    return program(*steps, loop=loop, final=draw(st.none() | st.just(END)))


def played_out(body, until):
    """One entry per ms up to `until`: (command, ms since it began), and the time of the end or None.

    Walks through the steps as the format's description says, with a counter for the loop.
    """
    steps, loop, instants, number, rounds = body["steps"], body["loop"], [], 0, 1
    while number < len(steps) and len(instants) <= until:
        step = steps[number]
        length = until + 1 if step["duration"] is None else step["duration"]
        instants += [(step["command"], ms) for ms in range(length)]
        if loop and step["id"] == loop["end_step"] and (loop["count"] == 0 or rounds < loop["count"]):
            number, rounds = [s["id"] for s in steps].index(loop["start_step"]), rounds + 1
        else:
            number += 1
    if len(instants) > until:
        return instants[: until + 1], None
    end = len(instants)
    command, elapsed = instants[-1]
    if body["on_complete"]:
        command, elapsed = body["on_complete"]["command"], -1
    instants += [(command, elapsed + 1 + ms) for ms in range(until + 1 - end)]
    return instants, end


@settings(max_examples=150, deadline=None)
@given(small_programs())
def test_the_schedule_agrees_with_playing_every_millisecond(tried):
    expected, end = played_out(tried["program"], 200)  # no finite one is longer than 75 ms
    schedule = Schedule(tried)
    assert [schedule.at(ms) for ms in range(201)] == expected
    assert schedule.total_ms == end


@settings(max_examples=150, deadline=None)
@given(small_programs())
def test_segments_agree_with_playing_every_millisecond(tried):
    instants, end = played_out(tried["program"], 200)
    begins = [ms for ms, (_, elapsed) in enumerate(instants) if elapsed == 0]
    segments = list(Schedule(tried).segments(10))
    found = [(begin, command) for begin, _, command in segments]
    assert found == [(ms, instants[ms][0]) for ms in begins[:10]]
    for (begin, duration, _), (following, _, _) in itertools.pairwise(segments):
        assert begin + duration == following
    if len(segments) < 10:
        begin, duration, _ = segments[-1]
        assert duration is None or begin + duration == end


def test_a_million_rounds_are_not_expanded():
    long = program((A, 1000), (B, 60_000), (C, 500), loop=(1_000_000, 1, 1), final=END)
    schedule = Schedule(long)
    assert schedule.total_ms == 60_000_001_500
    assert schedule.at(1000 + 999_999 * 60_000 + 7) == (B, 7)
    assert schedule.at(60_000_001_000) == (C, 0)
    assert schedule.at(60_000_001_501) == (END, 1)
    assert [begin for begin, _, _ in schedule.segments(4)] == [0, 1000, 61_000, 121_000]


def test_an_endless_loop_has_no_total_and_hides_what_follows():
    schedule = Schedule(program((A, 10), (B, 20), (C, 5), loop=(0, 0, 1), final=END))
    assert schedule.total_ms is None
    assert schedule.at(30 * 10**12 + 12) == (B, 2)
    assert [(begin, command) for begin, _, command in schedule.once()] == [(0, A), (10, B)]


def test_a_last_step_without_duration_in_a_loop_stays_the_first_time_round():
    schedule = Schedule(program((A, 10), (B, None), loop=(3, 0, 1), final=END))
    assert schedule.total_ms is None
    assert schedule.at(5000) == (B, 4990)
    assert list(schedule.segments(9)) == [(0, 10, A), (10, None, B)]


def test_once_tells_a_loop_once_and_the_rest_at_its_time():
    schedule = Schedule(program((A, 10), (B, 20), (C, 5), loop=(4, 0, 1), final=END))
    assert list(schedule.once()) == [(0, 10, A), (10, 20, B), (120, 5, C), (125, None, END)]


def test_absent_and_null_loops_are_alike():
    plain = {"program": {"name": "x", "steps": [{"id": "a", "command": A, "duration": 10}]}}
    assert Schedule(plain).at(25) == Schedule(program((A, 10))).at(25) == (A, 25)


def test_there_is_nothing_before_the_beginning():
    with pytest.raises(ValueError, match="-1"):
        Schedule(program((A, 10))).at(-1)


def test_frame_at_shows_the_command_of_that_instant():
    moving = program((A, 1000), (pattern("pulse", color="#FFFFFF", speed=500), 1000))
    assert (frame_at(moving, 999) == (0xAA, 0, 0)).all()
    assert (frame_at(moving, 1100) == 255).all()


# Colours


@pytest.mark.parametrize(
    ("color", "levels"),
    [
        ("#FF6B4A", (255, 107, 74)),
        ("#ff6b4a", (255, 107, 74)),
        ("#1aF", (0x11, 0xAA, 0xFF)),
        ("#FF6B4AFF", (255, 107, 74)),
        ("#C8640000", (0, 0, 0)),
        ("#C8650080", (100, 51, 0)),  # 100.4 and 50.7, of 200 and 101 times 128/255
    ],
)
def test_solid_lights_all_leds_in_a_colour_of_any_spelling(color, levels):
    shown = frame(pattern("solid", color=color), 0)
    assert shown.shape == (172, 3)
    assert shown.dtype == np.uint8
    assert (shown == levels).all()


def test_stop_is_dark():
    assert not frame(END, 123).any()


def test_missing_params_take_the_defaults_and_unknown_ones_are_ignored():
    assert (frame(pattern("solid"), 0) == (255, 107, 74)).all()
    chatty = pattern("gradient", speed=7, color="#000000", color2="#FFFFFF", glow=True)
    assert (frame(chatty, 99) == frame(pattern("gradient", color="#000000", color2="#FFFFFF"), 0)).all()
    assert (frame(pattern("pulse"), 100) == 255).all()  # white, 500 ms


def test_writing_to_a_frame_does_not_change_the_next_one():
    for command in (A, pattern("gradient"), pattern("sparkle"), render({"type": "fill", "color": "#fff"})):
        before = frame(command, 0).copy()
        frame(command, 0)[:] = 9
        assert (frame(command, 0) == before).all()


# Patterns, against the formulas of the description


def assert_nearest(shown, exact):
    """Each level is the integer nearest to the exact one."""
    assert np.abs(shown.astype(float) - np.asarray(exact)).max() <= 0.5 + 1e-6


def test_gradient_runs_from_the_centre_to_the_corners_and_beyond():
    shown = frame(pattern("gradient", color="#F00000", color2="#0000F0"), 0)
    for x, y in itertools.product(range(10), range(14)):
        out = math.sqrt((x - 4.5) ** 2 + (y - 6.5) ** 2) / math.sqrt(4.5**2 + 6.5**2)
        assert_nearest(shown[y * 10 + x], (240 * (1 - out), 0, 240 * out))
    assert shown[0].tolist() == [0, 0, 240]
    assert (shown[AMBIENT] == (0, 0, 240)).all()


@pytest.mark.parametrize(("ms", "brightness"), [(0, 0.65), (1000, 1.0), (2000, 0.65), (3000, 0.3), (4500, 0.8975)])
def test_breathing_swings_between_0_3_and_1(ms, brightness):
    shown = frame(pattern("breathing", color="#FF8000", speed=4000), ms)
    assert (shown == shown[0]).all()
    assert shown[0].tolist() == pytest.approx([255 * brightness, 128 * brightness, 0], abs=0.6)


@pytest.mark.parametrize("ms", [0, 50, 700, 2950, 3_000_000_000_150])
def test_wave_follows_its_formula_row_by_row(ms):
    shown = frame(pattern("wave", color="#C80000", color2="#0064FF", speed=3000), ms)
    for y in range(14):
        share = (math.sin(2 * math.pi * (ms % 3000) / 3000 + 0.5 * y) + 1) / 2
        exact = (200 * (1 - share), 100 * share, 255 * share)
        assert_nearest(grid(shown)[y], [exact] * 10)
    assert (shown[AMBIENT] == (100, 50, 128)).all()


@pytest.mark.parametrize("ms", [0, 50, 950, 2000, 7_450])
def test_rainbow_is_the_hue_circle_in_hsl(ms):
    shown = frame(pattern("rainbow", speed=2000), ms)
    base = ms / 2000
    for x, y in itertools.product(range(10), range(14)):
        hue = base + 0.3 * y / 14 + 0.1 * x / 10
        assert_nearest(shown[y * 10 + x], [255 * c for c in colorsys.hls_to_rgb(hue % 1, 0.6, 0.8)])
    assert_nearest(shown[AMBIENT], [[255 * c for c in colorsys.hls_to_rgb(base % 1, 0.5, 0.7)]] * 32)


@pytest.mark.parametrize(
    ("ms", "percent"),
    [(0, 0), (50, 25), (200, 100), (250, 93.75), (600, 50), (900, 12.5), (1000, 0), (10**9, 0)],
)
def test_pulse_rises_in_a_fifth_falls_in_the_rest_and_does_not_return(ms, percent):
    assert (frame(pattern("pulse", color="#A0A0A0", speed=1000), ms) == 1.6 * percent).all()


@pytest.mark.parametrize("name", ["breathing", "wave", "rainbow", "pulse", "sparkle"])
def test_moving_patterns_change_twenty_times_a_second(name):
    command = pattern(name, speed=1000 if name != "sparkle" else 10)
    assert (frame(command, 149) == frame(command, 100)).all()
    assert (frame(command, 150) != frame(command, 149)).any()


# Sparkle


def lit(command, ms, seed=0):
    """(140,) which front LEDs show the (white) sparkle colour."""
    return (frame(command, ms, seed)[:140] == 255).all(axis=1)


@pytest.mark.parametrize("look_back", [1, simulator._LOOK_BACK])
@pytest.mark.parametrize("density", [0.0, 0.004, 0.1, 0.6, 1.0])
def test_sparkle_is_the_replay_of_all_ticks_whatever_was_asked_before(density, look_back, monkeypatch):
    monkeypatch.setattr(simulator, "_LOOK_BACK", look_back)
    command = pattern("sparkle", speed=50, density=density)
    state, replay = np.zeros(140, bool), []
    for tick in range(150):
        for led, draw in enumerate(simulator._draws(tick, tick + 1, 5)[0] / 2**32):
            if draw < density:
                state[led] = True
            elif draw < density + (1 - density) * 0.3:
                state[led] = False
        replay.append(state.copy())
    order = list(range(150))
    random.Random(0).shuffle(order)
    for tick in order:
        assert (lit(command, tick * 50, seed=5) == replay[tick]).all()


def test_sparkle_lights_the_share_of_leds_that_its_probabilities_give():
    command = pattern("sparkle", speed=50, density=0.1)
    first = np.mean([lit(command, 0, seed) for seed in range(300)])
    later = np.mean([lit(command, 50 * tick) for tick in range(100, 6100, 20)])
    assert first == pytest.approx(0.1, abs=0.01)
    # Lit at a rate of d, put out at a rate of 0.3 (1 - d).
    assert later == pytest.approx(0.1 / (0.1 + 0.3 * 0.9), abs=0.012)


def test_sparkle_puts_out_three_tenths_of_the_lit_leds_at_a_tick():
    states = [lit(pattern("sparkle", speed=50, density=0.5), 50 * tick) for tick in range(200)]
    stay = [(later & now).sum() / now.sum() for now, later in itertools.pairwise(states)]
    assert np.mean(stay) == pytest.approx(0.5 + 0.5 * 0.7, abs=0.02)  # lit anew, or left alone


def test_sparkle_changes_once_per_speed_only():
    command = pattern("sparkle", speed=300, density=0.5)
    assert (frame(command, 300) == frame(command, 599)).all()
    assert (frame(command, 600) != frame(command, 599)).any()


def test_sparkle_leaves_the_ambient_leds_and_the_unlit_ones_in_the_background_colour():
    command = pattern("sparkle", color="#FFFFFF", bgColor="#102030", density=0.3)
    shown = frame(command, 5000)
    assert (shown[AMBIENT] == (0x10, 0x20, 0x30)).all()
    assert (shown[:140][~lit(command, 5000)] == (0x10, 0x20, 0x30)).all()
    assert 0 < lit(command, 5000).sum() < 140


def test_sparkle_is_another_one_for_another_seed():
    seeds = [0, 1, -1, 2**32, 2**40 + 1]
    assert len({frame(pattern("sparkle", density=0.5), 0, seed).tobytes() for seed in seeds}) == len(seeds)


# Render


def drawn(command):
    """The front as rows of '#' (lit) and '.'."""
    return ["".join("#" if cell.any() else "." for cell in row) for row in grid(frame(command, 0))]


def test_later_elements_cover_earlier_ones_and_the_ambient_leds_stay_dark():
    shown = frame(
        render(
            {"type": "fill", "color": "#000040"},
            {"type": "rect", "x": 8, "y": 12, "w": 2, "h": 2, "color": "#FF0000"},
            {"type": "pixel", "x": 9, "y": 13, "color": "#00FF00"},
            {"type": "pixel", "x": 3, "y": 0, "color": "#FFFFFF"},
        ),
        0,
    )
    expected = np.full((14, 10, 3), (0, 0, 0x40))
    expected[12:14, 8:10] = (255, 0, 0)
    expected[13, 9] = (0, 255, 0)
    expected[0, 3] = 255
    assert (grid(shown) == expected).all()
    assert not shown[AMBIENT].any()


def test_alpha_mixes_with_what_lies_below():
    shown = frame(
        render(
            {"type": "pixel", "x": 0, "y": 0, "color": "#FF000080"},
            {"type": "rect", "x": 1, "y": 0, "w": 2, "h": 1, "color": "#0000FF"},
            {"type": "pixel", "x": 2, "y": 0, "color": "#FF000080"},
            {"type": "pixel", "x": 1, "y": 0, "color": "#FF000000"},
        ),
        0,
    )
    assert shown[:3].tolist() == [[128, 0, 0], [0, 0, 255], [128, 0, 127]]


def test_text_is_set_in_the_lamps_font():
    assert drawn(render({"type": "text", "content": "a1:", "x": 1, "y": 2, "color": "#fff"})) == [
        "..........",
        "..........",
        "..#...#...",
        ".#.#.##..#",
        ".###..#...",
        ".#.#..#..#",
        ".#.#.###..",
        *[".........."] * 7,
    ]


def test_what_falls_outside_the_grid_is_clipped():
    letter = {"type": "text", "content": "H", "color": "#fff"}
    assert drawn(render(letter | {"x": -1, "y": -2}, letter | {"x": 9, "y": 12})) == [
        "##........",  # the bar of the H; its left stem is outside
        ".#........",
        ".#........",
        *[".........."] * 9,
        ".........#",
        ".........#",
    ]


def test_a_line_has_the_cells_nearest_to_the_ideal_one():
    chance = random.Random(1)
    for _ in range(400):
        x1, y1, x2, y2 = (chance.randrange(size) for size in (10, 14, 10, 14))
        line = {"type": "line", "x1": x1, "y1": y1, "x2": x2, "y2": y2, "color": "#fff"}
        cells = [(int(x), int(y)) for y, x in np.argwhere(grid(frame(render(line), 0)).any(axis=2))]
        across, down = x2 - x1, y2 - y1
        assert len(cells) == max(abs(across), abs(down)) + 1
        assert {(x1, y1), (x2, y2)} <= set(cells)
        for x, y in cells:
            if abs(across) >= abs(down):
                assert abs(y1 + down * (x - x1) / (across or 1) - y) <= 0.5
            else:
                assert abs(x1 + across * (y - y1) / down - x) <= 0.5


def test_the_grid_is_a_view_of_the_front():
    shown = frame(END, 0)
    grid(shown)[1, 2] = (1, 2, 3)
    assert shown[12].tolist() == [1, 2, 3]
    assert grid(shown).shape == (14, 10, 3)
