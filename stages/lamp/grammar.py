"""GBNF grammar of the lamp program, written from the definition in `program`.

Every text that llama.cpp completes under this grammar is a valid program, and compact: it passes
`validation.parse` and `program.compact` gives back the same bytes. Keys, their order, tags and ranges are
read from the TypedDicts; this module adds only what types cannot say (rectangles in the grid, step ids in
order, a loop that resolves and can repeat, an `on_complete` that is reached) and tighter `Bounds`.

Made cheap for llama.cpp, which copies one stack per alternative that is alive and per character: alternatives
are factored by their first character, so that there is nearly always just one alive, and lists go on in tail
position, so that stacks stay shallow. The grammar is not recursive; no repetition count or product of counts
comes near the 2,000 at which llama.cpp stops counting.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from functools import cache
from itertools import groupby
from types import UnionType
from typing import Annotated, Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints

from typing_extensions import is_typeddict

from . import program
from .font import GLYPHS
from .program import GRID_HEIGHT, GRID_WIDTH


@dataclass(frozen=True)
class Bounds:
    """How large a program the grammar lets the model write; all are inclusive.

    The defaults hold what the lamp's owners ask for, a blinking picture of the library among it (23
    elements at most); what they cost in characters is `longest`. Where the definition allows less, that
    counts. Raises ValueError for bounds that leave nothing.
    """

    max_steps: int = 12
    max_elements: int = 48  # of a program with one step: a picture
    max_step_elements: int = 24  # of each step where there are several, and of on_complete
    max_name: int = 32  # characters
    max_text: int = 12  # characters; two or three fit a row, the rest is for scrolling
    max_duration: int = 86_400_000  # ms, a day
    min_speed: int = 50  # ms, one frame
    max_speed: int = 20_000  # ms
    max_loops: int = 999

    def __post_init__(self) -> None:
        low = [field.name for field in fields(self) if getattr(self, field.name) < 1]
        if low:
            raise ValueError(f"{', '.join(low)}: a bound is at least 1")
        if self.min_speed > self.max_speed:
            raise ValueError(f"min_speed {self.min_speed} is more than max_speed {self.max_speed}")
        if self.max_elements < self.max_step_elements:
            raise ValueError(f"max_elements {self.max_elements} is less than max_step_elements")


def lamp_grammar(bounds: Bounds = Bounds()) -> str:
    """GBNF text with the start symbol `root`."""
    return _build(bounds)[0]


def longest(bounds: Bounds = Bounds()) -> int:
    """Characters (bytes: all are ASCII) of the longest program under `lamp_grammar(bounds)`.

    One token is at least one character, so this also bounds the tokens of an answer.
    """
    return _build(bounds)[1]


@dataclass(frozen=True)
class _Piece:
    """A part of a rule: the literal `head`, then `tail` (GBNF). `longest` counts the characters of both."""

    head: str
    tail: str
    longest: int
    alternatives: bool = False  # whether `tail` needs parentheses in a sequence


def _literal(text: str) -> _Piece:
    return _Piece(text, "", len(text))


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' if text else ""


def _inline(piece: _Piece) -> str:
    """GBNF of the whole piece, as one item of a sequence or one alternative."""
    tail = f"({piece.tail})" if piece.alternatives else piece.tail
    return f"{_quoted(piece.head)} {tail}".strip()


def _sequence(*parts: _Piece | str) -> _Piece:
    """`parts` one behind the other; a str is a literal."""
    whole = _literal("")
    for part in parts:
        piece = _literal(part) if isinstance(part, str) else part
        if not whole.tail:
            whole = replace(piece, head=whole.head + piece.head, longest=whole.longest + piece.longest)
        elif piece.longest:
            tail = f"({whole.tail})" if whole.alternatives else whole.tail
            whole = _Piece(whole.head, f"{tail} {_inline(piece)}", whole.longest + piece.longest)
    return whole


def _choice(pieces: Iterable[_Piece]) -> _Piece:
    """One of `pieces`; what several of them begin with is written once."""
    branches: list[_Piece] = []
    # What starts with no literal goes last; the empty alternative then reads as "or nothing".
    ordered = sorted(pieces, key=lambda piece: (piece.head == "", piece.longest == 0, piece.head[:1]))
    for first, group in groupby(ordered, key=lambda piece: piece.head[:1]):
        same = list(group)
        if first and len(same) > 1:
            rest = [replace(piece, head=piece.head[1:], longest=piece.longest - 1) for piece in same]
            branches.append(_sequence(first, _choice(rest)))
        else:
            branches += same
    if len(branches) == 1:
        return branches[0]
    text = " | ".join(b.tail if b.alternatives and not b.head else _inline(b) for b in branches)
    return _Piece("", text, max(branch.longest for branch in branches), alternatives=True)


def _characters(allowed: Iterable[str], low: int, high: int) -> _Piece:
    """`low` to `high` characters out of `allowed`."""
    codes = sorted(map(ord, allowed))
    runs: list[list[int]] = []
    for code in codes:
        if runs and code == runs[-1][1] + 1 and ord("-") not in (code, runs[-1][1]):
            runs[-1][1] = code
        else:
            runs.append([code, code])
    # A minus sign means itself only at the end of a class; the others have escapes.
    runs.sort(key=lambda run: run[0] == ord("-"))
    ends = [[chr(code).replace("\\", "\\\\").replace("]", "\\]") for code in run] for run in runs]
    inside = "".join(a if a == b else f"{a}-{b}" for a, b in ends)
    count = "" if low == high == 1 else f"{{{low}}}" if low == high else f"{{{low},{high}}}"
    return _Piece("", f"[{inside}]{count}", high)


def _integer(low: int, high: int) -> _Piece:
    """The integers low..high as JSON writes them: no leading zero, no minus zero."""
    branches = []
    if low < 0:
        branches.append(_sequence("-", _digits(max(1, -high), -low)))
    if low <= 0 <= high:
        branches.append(_literal("0"))
    if high > 0:
        branches.append(_digits(max(1, low), high))
    return _choice(branches)


def _digits(low: int, high: int, prefix: int | None = None) -> _Piece:
    """What may follow the digits `prefix` so that the number is in low..high (1 <= low)."""
    spans = []  # per count of further digits: are all, some or none of the numbers in the range?
    for count in range(0 if prefix else 1, len(str(high)) + 1):
        start = (prefix or 0) * 10**count
        first, last = (start, start + 10**count - 1) if prefix else (10 ** (count - 1), 10**count - 1)
        spans.append((count, low <= first and last <= high, first <= high and low <= last))
    counts = [count for count, every, _ in spans if every]
    if prefix and all(every or not some for _, every, some in spans):
        return _characters("0123456789", counts[0], counts[-1]) if counts[-1] else _literal("")
    branches = [_literal("")] if prefix and low <= prefix <= high else []
    following = {}
    for digit in range(0 if prefix else 1, 10):
        longer = (prefix or 0) * 10 + digit
        if any(longer * 10**n <= high and low <= (longer + 1) * 10**n - 1 for n in range(len(str(high)))):
            following[str(digit)] = _digits(low, high, longer)
    for rest in dict.fromkeys(following.values()):
        same = [digit for digit, piece in following.items() if piece == rest]
        branches.append(_sequence(same[0] if len(same) == 1 else _characters(same, 1, 1), rest))
    return _choice(branches)


def _key(kind: Any, name: str) -> str:
    """What stands before the value of key `name` of the TypedDict `kind`, the opening brace included."""
    first = next(iter(get_type_hints(kind)))
    return f'{"{" if name == first else ","}"{name}":'


def _constraints(hint: Any) -> dict[str, Any]:
    """What the Field of an Annotated type asks for, by name: ge, le, max_length."""
    found: dict[str, Any] = {}
    for field in hint.__metadata__:
        for constraint in field.metadata:
            found.update({name: getattr(constraint, name) for name in constraint.__slots__})
    return found


def _most(kind: Any, key: str, wanted: int) -> int:
    """`wanted`, or less where the definition allows less for the length of `key`."""
    allowed: int = _constraints(get_type_hints(kind, include_extras=True)[key])["max_length"]
    return min(wanted, allowed)


@cache
def _build(bounds: Bounds) -> tuple[str, int]:
    writer = _Writer(bounds)
    root = writer.program()
    rules = {"root": _inline(root), **writer.rules}
    return "".join(f"{name} ::= {rule}\n" for name, rule in rules.items()), root.longest


class _Writer:
    """Writes the rules for one set of bounds into `rules`."""

    def __init__(self, bounds: Bounds) -> None:
        self.rules: dict[str, str] = {}
        self.steps = _most(program.Body, "steps", bounds.max_steps)
        self.alone = _most(program.Render, "elements", bounds.max_elements)
        self.several = _most(program.Render, "elements", bounds.max_step_elements)
        # Tighter than the types, by key.
        self.ranges = {
            "speed": (bounds.min_speed, bounds.max_speed),
            "duration": (1, bounds.max_duration),
            "count": (0, bounds.max_loops),
        }
        word = "abcdefghijklmnopqrstuvwxyz0123456789"
        rest = _characters(word + " '-", 0, _most(program.Body, "name", bounds.max_name) - 1)
        self.strings = {
            "name": _sequence(_characters(word, 1, 1), rest),
            "content": _characters(GLYPHS, 1, _most(program.Text, "content", bounds.max_text)),
        }
        self.color = self.named("color", _sequence('"#', _characters("0123456789ABCDEF", 6, 6), '"'))
        self.element = self.named("element", self.value(program.Element))
        self.pattern = self.named("pattern", self.value(program.Pattern))
        self.stop = self.value(program.Stop)
        self.render = _key(program.Render, "type") + '"render"' + _key(program.Render, "elements") + "["
        render = _sequence(self.render, self.elements(), "]}")
        self.command = self.named("command", _choice([self.pattern, render, self.stop]))
        self.duration = self.value(program.Duration, "duration")
        self.count = self.value(get_type_hints(program.Loop, include_extras=True)["count"], "count")

    def named(self, name: str, piece: _Piece) -> _Piece:
        """Make the part behind the literal head a rule; the head stays outside, where it can be factored."""
        if not piece.tail:
            return piece
        if self.rules.setdefault(name, piece.tail) != piece.tail:
            raise ValueError(f"{name} is already another rule")
        return _Piece(piece.head, name, piece.longest)

    def value(self, hint: Any, key: str = "") -> _Piece:
        """The JSON value that `hint`, the type of `key`, stands for.

        Raises TypeError for a type that has no rule here.
        """
        origin, arguments = get_origin(hint), get_args(hint)
        if hint == program.Color:
            return self.color
        if hint == program.Density:
            return _density()
        if hint is program.Rect:
            return self.rect()
        if is_typeddict(hint):
            values = get_type_hints(hint, include_extras=True).items()
            parts = [part for name, type_ in values for part in (_key(hint, name), self.value(type_, name))]
            return _sequence(*parts, "}")
        if origin is Literal:
            return _choice(_literal(f'"{text}"') for text in arguments)
        if origin in (Union, UnionType):
            return _choice(self.value(member, key) for member in arguments)
        if origin is Annotated and arguments[0] is int:
            low, high = self.ranges.get(key, (-math.inf, math.inf))
            allowed = _constraints(hint)
            number = _integer(int(max(low, allowed["ge"])), int(min(high, allowed["le"])))
            return self.named(key, number) if key in self.ranges else number
        if origin is Annotated and arguments[0] is str and key in self.strings:
            return _sequence('"', self.strings[key], '"')
        if origin is NotRequired or (origin is Annotated and arguments[0] not in (int, str, float)):
            return self.value(arguments[0], key)
        raise TypeError(f"the grammar has no rule for {key or 'a value'} of type {hint}; add one to _Writer")

    def rect(self) -> _Piece:
        """A rectangle in the grid. w depends on x and h on y: one rule per x, with one alternative per y."""
        kind = program.Rect
        width = [self.named(f"w{most}", _integer(1, most)) for most in range(1, GRID_WIDTH + 1)]
        height = [self.named(f"h{most}", _integer(1, most)) for most in range(1, GRID_HEIGHT + 1)]
        columns = []
        for x, most in enumerate(reversed(width)):
            before_w, before_h = _key(kind, "w"), _key(kind, "h")
            lines = [_sequence(f"{y}{before_w}", most, before_h, h) for y, h in enumerate(reversed(height))]
            columns.append(_sequence(f"{x}{_key(kind, 'y')}", self.named(f"rect{x}", _choice(lines))))
        opening = _key(kind, "type") + '"rect"' + _key(kind, "x")
        return _sequence(opening, _choice(columns), _key(kind, "color"), self.color, "}")

    def elements(self) -> _Piece:
        """The elements of a render where there are several steps."""
        more = _sequence(",", self.element)
        count = self.several - 1
        text = f"{_inline(self.element)} ({_inline(more)}){{0,{count}}}"
        return self.named("elements", _Piece("", text, self.element.longest + count * more.longest))

    def program(self) -> _Piece:
        following: _Piece | None = None
        for number in range(self.steps, 1, -1):
            rest = self.after_command(number, following)
            following = self.named(f"step{number}", _sequence(self.opened_step(number), self.command, rest))
        opening = _key(program.Program, "program") + _key(program.Body, "name") + '"'
        steps = '"' + _key(program.Body, "steps") + "["
        return _sequence(opening, self.strings["name"], steps, self.first_step(following))

    def opened_step(self, number: int) -> str:
        kind = program.Step
        return f'{_key(kind, "id")}"s{number}"{_key(kind, "command")}'

    def first_step(self, following: _Piece | None) -> _Piece:
        """May have more elements than the others; with more it is the only step, so they are counted."""
        rest = self.after_command(1, following)
        alone = self.named("alone", self.after_command(1, None)) if following else rest
        more = _sequence("]}", alone)
        for count in range(self.alone - 1, 0, -1):
            end = _sequence("]}", rest if count <= self.several else alone)
            more = _choice([_sequence(",", self.element, self.named(f"more{count}", more)), end])
        render = _sequence(self.render, self.element, more)
        branches = [_sequence(self.pattern, rest), _sequence(self.stop, rest), render]
        return self.named("step1", _sequence(self.opened_step(1), _choice(branches)))

    def after_command(self, number: int, following: _Piece | None) -> _Piece:
        """From the duration of step `number` to the end of the text; `following` is the next step."""
        ends = [_sequence("]", self.named(f"end{number}", self.ending(number, timed=True)))]
        if following:
            ends.append(_sequence(",", following))
        timed = _sequence(self.duration, "}", _choice(ends))
        # null stays for ever, so it makes the step the last one and no loop may hold it.
        for_ever = _sequence("null}]", self.ending(number - 1, timed=False))
        rest = _sequence(_key(program.Step, "duration"), _choice([timed, for_ever]))
        return self.named(f"rest{number}", rest) if following or number > 1 else rest

    def ending(self, steps: int, timed: bool) -> _Piece:
        """What may follow the list of steps: a loop over some of the first `steps`, on_complete, the end."""
        body, close = program.Body, _literal("}}")
        complete = _key(body, "on_complete") + _key(program.OnComplete, "command")
        closings = [close, _sequence(complete, self.command, "}", close)] if timed else [close]
        if not steps:
            return _choice(closings)
        opening = _key(body, "loop") + _key(program.Loop, "count")
        looped = _sequence(self.loop_steps(steps), "}")
        if not timed:
            return _choice([*closings, _sequence(opening, self.count, looped, close)])
        # After an endless loop nothing is reached.
        endless = _sequence(opening, "0", looped, close)
        finite = _sequence(opening, _integer(1, self.ranges["count"][1]), looped, _choice(closings))
        return _choice([*closings, endless, finite])

    def loop_steps(self, steps: int) -> _Piece:
        """start_step and end_step, both among the first `steps` and in order."""
        kind = program.Loop
        end = f'"{_key(kind, "end_step")}"s'
        pairs = [_sequence(f"{start}{end}", _integer(start, steps), '"') for start in range(1, steps + 1)]
        return _sequence(f'{_key(kind, "start_step")}"s', self.named(f"loop{steps}", _choice(pairs)))


def _density() -> _Piece:
    """0.01 to 1.0 in hundredths, written as JSON serialisers do: no trailing zero but in 1.0."""
    return _Piece("", '"0." ("0" [1-9] | [1-9] [1-9]?) | "1.0"', 4, alternatives=True)
