"""Which instants are shown of programs that are too long to be shown whole."""

import pytest

from stages.lamp.moments import key_moments, spread, timeline
from stages.lamp.simulator import Schedule

STILL = {"type": "pattern", "name": "solid", "params": {"color": "#FF0000", "speed": 900}}


def pattern(name, **params):
    return {"type": "pattern", "name": name, "params": params}


def schedule(*steps, loop=None, final=None):
    """Steps are (command, duration); loop is (count, first step number, last)."""
    body = {
        "name": "test",
        "steps": [{"id": f"s{n}", "command": c, "duration": d} for n, (c, d) in enumerate(steps)],
        "loop": loop and {"count": loop[0], "start_step": f"s{loop[1]}", "end_step": f"s{loop[2]}"},
        "on_complete": final and {"command": final},
    }
    return Schedule({"program": body})


@pytest.mark.parametrize(
    ("command", "best"),
    [
        (STILL, 0),
        ({"type": "stop"}, 0),
        (pattern("wave", speed=3000), 0),
        (pattern("breathing", speed=4000), 1000),  # full breath
        (pattern("pulse", speed=1000), 200),  # the peak
        (pattern("pulse", speed=700), 150),  # the peak, 140, is seen at the tick behind it
        (pattern("sparkle", speed=100), 2000),  # twenty ticks have filled the field
    ],
)
def test_a_step_is_shown_at_its_best(command, best):
    assert key_moments(schedule((STILL, 500), (command, None)), 9) == [0, 500 + best]


def test_the_best_moment_lies_in_the_step():
    assert key_moments(schedule((pattern("breathing", speed=4000), 300), (STILL, 10)), 9) == [299, 300]


def test_a_loop_is_told_once_and_the_end_after_all_its_rounds():
    long = schedule((STILL, 100), (STILL, 200), loop=(1000, 0, 1), final={"type": "stop"})
    assert key_moments(long, 9) == [0, 100, 300_000]


def test_of_many_steps_the_first_the_last_and_some_between_are_told():
    assert key_moments(schedule(*[(STILL, 10)] * 9), 3) == [0, 40, 80]
    assert spread(3, 5) == [0, 1, 2]
    assert spread(100, 1) == [0]


def test_a_short_program_is_seen_whole_in_real_time():
    both = schedule((STILL, 1000), (STILL, 500), loop=(2, 0, 1))
    assert timeline(both, 6, 10) == list(range(0, 3000, 100))


def test_a_long_step_is_cut_and_short_ones_are_not():
    instants = timeline(schedule((STILL, 500), (STILL, 1_500_000), (STILL, 500)), 6, 10)
    assert instants == [*range(0, 5500, 100), *range(1_500_500, 1_501_000, 100)]


def test_two_long_steps_share_what_is_left():
    instants = timeline(schedule((STILL, 60_000), (STILL, 2000), (STILL, 60_000)), 6, 1)
    assert instants == [0, 1000, 60_000, 61_000, 62_000, 63_000]


def test_of_a_long_loop_the_first_round_is_seen_and_then_the_end():
    instants = timeline(schedule((STILL, 1000), (STILL, 1000), loop=(50, 0, 1), final={"type": "stop"}), 6, 2)
    assert instants == [0, 500, 1000, 1500, 100_000, 100_500, 101_000]


def test_what_stays_alone_is_seen_for_whole_turns():
    assert timeline(schedule((pattern("wave", speed=4000), None)), 6, 1) == [0, 1000, 2000, 3000]
    assert len(timeline(schedule((STILL, None)), 6, 10)) == 60


def test_a_slow_breath_is_seen_in_time_lapse_but_not_beyond_its_step():
    assert timeline(schedule((pattern("breathing", speed=12_000), None)), 6, 1) == [*range(0, 12_000, 2000)]
    cut = timeline(schedule((pattern("breathing", speed=60_000), 9000), (STILL, 3000)), 6, 1)
    assert cut == [0, 3000, 6000, 9000, 10_000, 11_000]
    assert timeline(schedule((pattern("sparkle", speed=60_000), None)), 6, 1) == [*range(0, 6000, 1000)]


def test_a_program_of_very_many_steps_is_seen_in_the_same_time():
    many = schedule(*[(STILL, 1000)] * 512)
    instants = timeline(many, 6, 10)
    assert len(instants) == 60
    assert instants == sorted(instants)
    assert instants[-1] > 500_000
