"""Instants worth seeing: which moments of a program to show when not all of it can be shown."""

from __future__ import annotations

from .program import PATTERN_DEFAULTS, Command
from .simulator import TICK_MS, Schedule


def key_moments(schedule: Schedule, limit: int) -> list[int]:
    """At most `limit` instants (ms) that tell what a program does: one in each step, at its best.

    A loop is told once. Of more steps than `limit`: the first, the last, and evenly in between.
    """
    told = []
    for begin, duration, command in schedule.once():
        best = _best_ms(command)
        told.append(begin + (best if duration is None else min(best, duration - 1)))
    return [told[index] for index in spread(len(told), limit)]


def spread(count: int, limit: int) -> list[int]:
    """At most `limit` of the numbers 0..count-1, evenly spread, from the first to the last."""
    if count <= limit:
        return list(range(count))
    return [round(index * (count - 1) / max(1, limit - 1)) for index in range(limit)]


def timeline(schedule: Schedule, seconds: float, fps: float) -> list[int]:
    """Instants (ms) that, shown `fps` a second, let all of a program be seen in at most `seconds`.

    In real time, if it is short enough. Otherwise of a loop only the first time round is shown, and steps
    are cut to what fits, the longest first; a breath or a wave that takes longer than what is left of its
    step is seen in time-lapse. What stays for ever is held for a while.
    """
    budget = seconds * 1000
    in_full = schedule.total_ms is not None and schedule.total_ms <= budget
    played = list(schedule.segments(int(budget) + 1) if in_full else schedule.once())
    hold = budget if len(played) == 1 else budget / 4
    lengths = _cut([hold if duration is None else duration for _, duration, _ in played], budget)
    if len(played) == 1 and 0 < _speed(played[0][2]) <= lengths[0] and not in_full:
        lengths[0] -= lengths[0] % _speed(played[0][2])  # whole turns can be repeated seamlessly
    instants: list[int] = []
    end = 0.0
    for (begin, duration, command), length in zip(played, lengths, strict=True):
        first, end = end, end + length
        turn = 0 if _is_sparkle(command) else _speed(command)
        pace = max(1.0, min(turn, duration or turn) / length)
        while (at := len(instants) * 1000 / fps) < end:
            instants.append(begin + int((at - first) * pace))
    return instants


def _cut(lengths: list[float], budget: float) -> list[float]:
    """`lengths`, the longest of them cut so that the sum is at most `budget`."""
    left = budget
    for number, length in enumerate(sorted(lengths)):
        share = left / (len(lengths) - number)
        if length > share:
            return [min(each, share) for each in lengths]
        left -= length
    return lengths


def _speed(command: Command) -> int:
    """The ms of a turn of a moving pattern (of a tick of sparkle); 0 for what stands still."""
    if command["type"] != "pattern" or "speed" not in PATTERN_DEFAULTS[command["name"]]:
        return 0
    speed: int = {**PATTERN_DEFAULTS[command["name"]], **command["params"]}["speed"]
    return speed


def _is_sparkle(command: Command) -> bool:
    return command["type"] == "pattern" and command["name"] == "sparkle"


# In turns or ticks: a breath is fullest, a pulse at its peak, a field of sparkles filled.
_BEST = {"breathing": 0.25, "pulse": 0.2, "sparkle": 20}


def _best_ms(command: Command) -> int:
    """When `command` looks most like itself, in whole ticks of the lamp."""
    turns = _BEST.get(command["name"], 0) if command["type"] == "pattern" else 0
    return -round(-turns * _speed(command) // TICK_MS) * TICK_MS
