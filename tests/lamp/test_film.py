"""What is measured of a program's frames: colours, light, motion, shapes."""

import itertools
import random

import pytest

from stages.lamp.film import as_cells, as_shape, drawn_cells, front, ground_of, likeness, shifted, watch
from stages.lamp.simulator import frame


def pattern(name, **params):
    return {"type": "pattern", "name": name, "params": params}


def solid(color):
    return pattern("solid", color=color)


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
    return {"program": body}


RED, BLUE, WHITE, OFF = solid("#FF0000"), solid("#0000FF"), solid("#FFFFFF"), {"type": "stop"}


# Films -----------------------------------------------------------------------------------------------------


def test_each_command_is_a_shot_with_its_start_and_duration_and_the_last_is_on_complete():
    seen = watch(program((RED, 1000), (BLUE, 500), final=OFF))
    assert [(shot.start_ms, shot.duration_ms, shot.command) for shot in seen.shots] == [
        (0, 1000, RED),
        (1000, 500, BLUE),
        (1500, None, OFF),
    ]
    assert seen.total_ms == 1500


def test_a_loop_is_watched_once_round_but_lasts_as_often_as_it_plays():
    seen = watch(program((RED, 1000), (BLUE, 500), loop=(3, 0, 1)))
    assert [shot.command for shot in seen.shots] == [RED, BLUE] and seen.total_ms == 4500
    assert watch(program((RED, 1000), loop=(0, 0, 0))).total_ms is None


@pytest.mark.parametrize(
    ("steps", "loop", "repeats", "timed_ms"),
    [
        ([(RED, 1000), (BLUE, 500)], None, False, 1500),
        ([(RED, 1000), (BLUE, None)], None, False, 1000),
        ([(RED, None)], None, False, 0),
        ([(RED, 1000), (BLUE, 500)], (0, 0, 1), True, 1500),
        ([(RED, 1000), (BLUE, 500)], (3, 0, 1), False, 1500),
        ([(RED, 1000), (BLUE, None)], (0, 0, 1), False, 1000),
        ([(RED, 1000), (BLUE, None)], (3, 0, 0), False, 1000),
    ],
)
def test_only_a_loop_that_goes_round_for_ever_repeats_and_each_timed_step_counts_once(steps, loop, repeats, timed_ms):
    seen = watch(program(*steps, loop=loop))
    assert (seen.repeats, seen.timed_ms) == (repeats, timed_ms)


def test_every_shot_of_a_long_program_is_watched_to_the_last():
    seen = watch(program(*[(RED, 10)] * 65, (WHITE, None)))
    assert len(seen.shots) == 66
    assert (seen.repeats, seen.timed_ms) == (False, 650)


def test_a_short_pulse_in_a_long_step_counts_for_the_little_time_that_it_lasts():
    seen = watch(program((pattern("pulse", color="#FFFFFF", speed=400), 60_000)))
    assert seen.shots[0].light < 0.05


def test_light_is_the_mean_over_a_shot_and_the_brightest_its_peak():
    seen = watch(program((WHITE, 100), (OFF, 100), (pattern("pulse", color="#FFFFFF", speed=1000), 1000)))
    white, dark, pulse = seen.shots
    assert white.light == pytest.approx(1) and white.brightest == pytest.approx(1)
    assert dark.light == dark.brightest == 0
    assert pulse.brightest > 0.9 > pulse.light > 0.2


def test_still_commands_do_not_move_and_patterns_with_a_speed_do():
    for command in (RED, pattern("gradient", color="#FF0000", color2="#0000FF"), OFF):
        assert not watch(program((command, None))).moves
    for name in ("breathing", "wave", "rainbow", "pulse", "sparkle"):
        assert watch(program((pattern(name, speed=1700), None))).moves, name


@pytest.mark.parametrize("speed", [150, 200, 250, 300, 500, 750, 1000, 1500, 3000, 6000])
@pytest.mark.parametrize("name", ["breathing", "wave", "rainbow"])
def test_no_period_hides_between_the_moments_that_are_looked_at(name, speed):
    assert watch(program((pattern(name, speed=speed), None))).moves
    assert watch(program((pattern(name, speed=speed), 2000))).moves


@pytest.mark.parametrize("speed", [100, 300, 500, 1000])
@pytest.mark.parametrize("duration", [None, 3000, 60_000])
def test_a_single_pulse_is_seen(speed, duration):
    [shot] = watch(program((pattern("pulse", color="#FFFFFF", speed=speed), duration))).shots
    assert shot.moves and shot.brightest > 0.4


def test_two_stills_that_differ_move_and_two_that_agree_do_not():
    assert watch(program((RED, 100), (BLUE, 100))).moves
    assert not watch(program((RED, 100), (solid("#F00"), 100))).moves


def test_shares_of_colour_sum_to_one_and_each_shot_weighs_the_same_however_long_it_lasts():
    seen = watch(program((RED, 10), (BLUE, 990_000)))
    assert seen.families == pytest.approx({"red": 0.5, "blue": 0.5})
    moving = watch(program((pattern("rainbow", speed=3000), None), (OFF, None)))
    assert sum(moving.families.values()) == pytest.approx(1)


def test_a_drawing_leaves_the_ambient_leds_dark():
    seen = watch(program((render({"type": "fill", "color": "#00C800"}), None)))
    assert seen.families == pytest.approx({"green": 140 / 172, "dark": 32 / 172})


# Shapes ----------------------------------------------------------------------------------------------------


def test_front_is_14_rows_of_10_colours():
    drawn = render({"type": "fill", "color": "#010203"}, {"type": "pixel", "x": 9, "y": 1, "color": "#FFF"})
    rows = front(frame(drawn, 0))
    assert (len(rows), {len(row) for row in rows}) == (14, {10})
    assert rows[1][9] == (255, 255, 255) and rows[9][1] == (1, 2, 3)


def ground(*elements):
    return ground_of(front(frame(render(*elements), 0)))


def fill(color):
    return {"type": "fill", "color": color}


def rect(x, y, w, h, color):
    return {"type": "rect", "x": x, "y": y, "w": w, "h": h, "color": color}


def corners(*colors):
    places = itertools.product((0, 9), (0, 13))
    return [{"type": "pixel", "x": x, "y": y, "color": color} for (x, y), color in zip(places, colors, strict=True)]


def test_a_picture_stands_on_the_dark_colour_that_covers_a_tenth_of_the_grid():
    frame_around_it = rect(1, 1, 7, 2, "#102030"), *corners("#FFFFFF", "#FFFFFF", "#FFFFFF", "#FFFFFF")
    assert ground(fill("#00C800"), *frame_around_it) == (16, 32, 48)
    assert ground(fill("#101010"), rect(0, 0, 10, 7, "#200000")) == (32, 0, 0), "the darkest of several"


def test_what_is_less_than_a_tenth_or_not_dark_is_no_dark_ground():
    assert ground(fill("#00C800"), rect(1, 1, 13, 1, "#102030")) == (0, 200, 0)
    assert ground(fill("#00C800"), rect(1, 1, 8, 8, "#404040")) == (0, 200, 0)


def test_without_a_dark_colour_the_ground_is_what_stands_in_most_corners():
    around = rect(1, 1, 8, 12, "#00C800")
    assert ground(fill("#FFFFFF"), around, *corners("#F00", "#FFF", "#FFF", "#00F")) == (255, 255, 255)
    assert ground(fill("#FFFFFF"), around, *corners("#FFF", "#FF0", "#FFF", "#FF0")) == (255, 255, 0), "the darker"


def test_what_differs_clearly_from_the_ground_is_drawn():
    drawn = render(
        {"type": "fill", "color": "#000000"},
        {"type": "pixel", "x": 3, "y": 2, "color": "#310000"},  # 49
        {"type": "pixel", "x": 4, "y": 2, "color": "#300000"},  # 48
    )
    assert as_cells(drawn_cells(frame(drawn, 0), (0, 0, 0))) == {(3, 2)}
    assert len(as_cells(drawn_cells(frame(drawn, 0), (255, 255, 255)))) == 140


def test_a_shape_has_bit_y_10_x_for_each_cell_and_back():
    assert as_shape([(0, 0)]) == 1 and as_shape([(9, 13)]) == 1 << 139 and as_shape([(3, 2)]) == 1 << 23
    cells = {(x, y) for x, y in itertools.product(range(10), range(14)) if (x * 7 + y * 3) % 5 == 0}
    assert as_cells(as_shape(cells)) == cells
    assert as_shape([]) == 0 and as_cells(0) == frozenset()


def test_what_a_shift_moves_out_of_the_grid_is_lost():
    assert shifted([(0, 0), (9, 13), (5, 5)], (1, -1)) == {(6, 4)}
    assert shifted([(-1, 5)], (0, 0)) == frozenset()


BLOCK = frozenset(itertools.product(range(3, 6), range(4, 8)))


def test_a_shape_is_wholly_like_itself_without_a_shift():
    assert likeness(as_shape(BLOCK), as_shape(BLOCK)) == (1.0, (0, 0))


@pytest.mark.parametrize("shift", [(3, 4), (-3, -4), (0, 1), (-2, 3)])
def test_a_shifted_shape_is_found_with_its_shift(shift):
    assert likeness(as_shape(shifted(BLOCK, shift)), as_shape(BLOCK)) == (1.0, shift)


def test_shifts_farther_than_3_columns_or_4_rows_are_not_looked_for():
    assert likeness(as_shape(shifted(BLOCK, (4, 0))), as_shape(BLOCK))[0] == pytest.approx(0.5)
    assert likeness(as_shape(shifted(BLOCK, (0, 5))), as_shape(BLOCK))[0] == pytest.approx(9 / 15)


def test_likeness_is_the_intersection_over_the_union():
    more = BLOCK | {(9, 13), (9, 12), (9, 11)}
    assert likeness(as_shape(more), as_shape(BLOCK))[0] == pytest.approx(12 / 15)
    assert likeness(0, as_shape(BLOCK))[0] == 0.0
    assert likeness(as_shape(BLOCK), 0)[0] == 0.0


def test_likeness_agrees_with_sets_counted_naively():
    draw = random.Random(5)
    everywhere = list(itertools.product(range(10), range(14)))
    for _ in range(20):
        one, other = (frozenset(draw.sample(everywhere, draw.randint(1, 60))) for _ in range(2))
        naive = 0.0
        for dx, dy in itertools.product(range(-3, 4), range(-4, 5)):
            moved = {(x + dx, y + dy) for x, y in other if 0 <= x + dx <= 9 and 0 <= y + dy <= 13}
            naive = max(naive, len(one & moved) / len(one | moved))
        assert likeness(as_shape(one), as_shape(other))[0] == pytest.approx(naive)


def test_frames_of_a_timed_command_are_taken_within_its_time():
    [shot] = watch(program((pattern("pulse", color="#FFFFFF", speed=400), 400))).shots
    assert len({one.tobytes() for one in shot.frames}) > 5
    assert shot.frames[-1].max() > 0, "not from when it is over"
    assert shot.brightest > 0.9
