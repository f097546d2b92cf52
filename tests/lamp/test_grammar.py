"""The grammar allows valid, compact programs only, and every program within its bounds."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson
import pytest

from stages.lamp import grammar
from stages.lamp.font import GLYPHS
from stages.lamp.grammar import Bounds, lamp_grammar, longest
from stages.lamp.program import GRID_HEIGHT, GRID_WIDTH, PATTERN_DEFAULTS, compact
from stages.lamp.validation import parse, remarks

# A reader of GBNF that knows nothing of the writer: it derives texts from a grammar and matches texts.
TOKEN = re.compile(r'\s*("(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|\{\d+(?:,\d+)?\}|[A-Za-z][\w-]*|[()|?])')


@dataclass(frozen=True)
class Node:
    """One of the kinds literal, class, rule, choice, sequence, repeat."""

    kind: str
    text: str = ""
    parts: tuple[Node, ...] = ()
    low: int = 0
    high: int = 0


class Grammar:
    """The rules of a GBNF text, by name."""

    def __init__(self, text: str) -> None:
        self.rules: dict[str, Node] = {}
        self.lengths: dict[int, int] = {}
        for line in text.splitlines():
            name, _, right = line.partition(" ::= ")
            self.tokens = TOKEN.findall(right)
            assert "".join(self.tokens).replace(" ", "") == right.replace(" ", ""), f"unread: {line}"
            self.rules[name] = self._choice()
            assert not self.tokens, f"left over in {name}: {self.tokens}"

    def _choice(self) -> Node:
        parts = [self._sequence()]
        while self.tokens and self.tokens[0] == "|":
            self.tokens.pop(0)
            parts.append(self._sequence())
        return Node("choice", parts=tuple(parts))

    def _sequence(self) -> Node:
        parts: list[Node] = []
        while self.tokens and self.tokens[0] not in ("|", ")"):
            token = self.tokens.pop(0)
            if token == "(":
                parts.append(self._choice())
                assert self.tokens.pop(0) == ")"
            elif token == "?":
                parts.append(Node("repeat", parts=(parts.pop(),), low=0, high=1))
            elif token[0] == "{":
                counts = [int(count) for count in token[1:-1].split(",")]
                parts.append(Node("repeat", parts=(parts.pop(),), low=counts[0], high=counts[-1]))
            elif token[0] == '"':
                parts.append(Node("literal", text=re.sub(r"\\(.)", r"\1", token[1:-1])))
            elif token[0] == "[":
                parts.append(Node("class", text=characters(token[1:-1])))
            else:
                parts.append(Node("rule", text=token))
        return Node("sequence", parts=tuple(parts))

    def derive(self, random_: random.Random, middle: float, grow: float) -> str:
        """A random text.

        middle: how often a range or a count is taken between its ends. grow: how often the alternative that
        can become longest, or the highest count, is taken.
        """

        def write(node: Node) -> str:
            grows, between = random_.random() < grow, random_.random() < middle
            if node.kind == "literal":
                return node.text
            if node.kind == "class":
                return random_.choice(node.text if between else (node.text[0], node.text[-1]))
            if node.kind == "rule":
                return write(self.rules[node.text])
            if node.kind == "choice":
                return write(max(node.parts, key=self.longest) if grows else random_.choice(node.parts))
            if node.kind == "sequence":
                return "".join(map(write, node.parts))
            count = random_.choice(range(node.low, node.high + 1) if between else (node.low, node.high))
            return "".join(map(write, node.parts * (node.high if grows else count)))

        return write(self.rules["root"])

    def longest(self, node: Node) -> int:
        """Characters of the longest text of `node`."""
        if node.kind == "literal":
            return len(node.text)
        if node.kind == "class":
            return 1
        if id(node) not in self.lengths:
            parts = (self.rules[node.text],) if node.kind == "rule" else node.parts
            if node.kind == "choice":
                length = max(map(self.longest, parts))
            else:
                length = sum(map(self.longest, parts)) * (node.high if node.kind == "repeat" else 1)
            self.lengths[id(node)] = length
        return self.lengths[id(node)]

    def accepts(self, text: str, rule: str = "root") -> bool:
        """Whether `text` is one of the grammar's texts."""
        return any(end == len(text) for end in self._ends(self.rules[rule], text, 0))

    def _ends(self, node: Node, text: str, at: int) -> Iterator[int]:
        if node.kind == "literal":
            if text.startswith(node.text, at):
                yield at + len(node.text)
        elif node.kind == "class":
            if at < len(text) and text[at] in node.text:
                yield at + 1
        elif node.kind == "rule":
            yield from self._ends(self.rules[node.text], text, at)
        elif node.kind == "choice":
            for part in node.parts:
                yield from self._ends(part, text, at)
        elif node.kind == "sequence":
            yield from self._follow(node.parts, text, at)
        else:
            for count in range(node.low, node.high + 1):
                yield from self._follow(node.parts * count, text, at)

    def _follow(self, parts: tuple[Node, ...], text: str, at: int) -> Iterator[int]:
        if not parts:
            yield at
            return
        for end in self._ends(parts[0], text, at):
            yield from self._follow(parts[1:], text, end)


def characters(inside: str) -> str:
    """The characters of a GBNF class, in order."""
    found = ""
    for low, high in re.findall(r"(\\.|[^\\])(?:-(\\.|[^\\\]]))?", inside):
        ends = [part[-1] for part in (low, high) if part]
        found += "".join(map(chr, range(ord(ends[0]), ord(ends[-1]) + 1)))
    return found


@cache
def default() -> Grammar:
    return Grammar(lamp_grammar())


SMALL = Bounds(max_steps=3, max_elements=4, max_step_elements=2, max_name=3, max_text=2, max_loops=5)


def program(*steps: dict[str, Any], **rest: Any) -> str:
    return orjson.dumps({"program": {"name": "a", "steps": list(steps), **rest}}).decode()


def step(number: int, duration: int | None = None, **command: Any) -> dict[str, Any]:
    return {"id": f"s{number}", "command": command or {"type": "stop"}, "duration": duration}


def drawing(*elements: dict[str, Any]) -> str:
    return program(step(1, type="render", elements=list(elements)))


def pattern(name: str, **params: Any) -> str:
    return program(step(1, type="pattern", name=name, params=params))


def loop(count: int, start: int, end: int) -> dict[str, Any]:
    return {"count": count, "start_step": f"s{start}", "end_step": f"s{end}"}


PIXEL = {"type": "pixel", "x": 0, "y": 0, "color": "#FFFFFF"}
STOP = {"command": {"type": "stop"}}


@pytest.mark.parametrize("grow", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("middle", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("bounds", [Bounds(), SMALL], ids=["default", "small"])
def test_every_derivation_is_a_valid_compact_program_that_means_what_it_says(
    bounds: Bounds, middle: float, grow: float
) -> None:
    source = random.Random(f"{middle} {grow} {bounds}")
    rules = Grammar(lamp_grammar(bounds))
    for _ in range(280):
        text = rules.derive(source, middle, grow)
        parsed = parse(text)
        assert compact(parsed) == text
        assert remarks(parsed) == [], text
        assert len(text) <= longest(bounds)


@pytest.mark.parametrize("bounds", [Bounds(), SMALL, Bounds(max_loops=1_000_000, max_steps=30)])
def test_longest_is_the_length_of_the_longest_program(bounds: Bounds) -> None:
    rules = Grammar(lamp_grammar(bounds))
    text = rules.derive(random.Random(0), middle=0.5, grow=1.0)
    assert rules.longest(rules.rules["root"]) == longest(bounds) == len(text)
    parse(text)


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (0, 0),
        (0, 9),
        (1, 10),
        (1, 14),
        (3, 7),
        (9, 11),
        (50, 20_000),
        (99, 101),
        (100, 999),
        (1, 86_400),
        (7, 1234),
    ],
)
def test_an_integer_range_has_each_of_its_numbers_and_no_other(low: int, high: int) -> None:
    rules = Grammar(f"root ::= {grammar._inline(grammar._integer(low, high))}")
    around = {
        *range(max(0, low - 50), low + 200),
        *range(max(0, high - 200), high + 50),
        high * 10,
        low // 10,
    }
    for number in around:
        assert rules.accepts(str(number)) == (low <= number <= high), number
    assert not rules.accepts("")
    assert not rules.accepts(f"0{high}")


def test_a_range_below_zero_has_no_minus_zero() -> None:
    rules = Grammar(f"root ::= {grammar._inline(grammar._integer(-128, 9))}")
    assert all(rules.accepts(str(number)) == (-128 <= number <= 9) for number in range(-1300, 100))
    assert not rules.accepts("-0")


@pytest.mark.parametrize("x", range(GRID_WIDTH))
def test_a_rectangle_reaches_the_edge_of_the_grid_but_not_over_it(x: int) -> None:
    for y in range(GRID_HEIGHT):
        for w, h in [(1, 1), (GRID_WIDTH - x, GRID_HEIGHT - y)]:
            rect = {"type": "rect", "x": x, "y": y, "w": w, "h": h, "color": "#00FF00"}
            assert default().accepts(drawing(rect))
            for wrong in ("w", "h"):
                over = (GRID_WIDTH - x if wrong == "w" else GRID_HEIGHT - y) + 1
                assert not default().accepts(drawing({**rect, wrong: over}))
                assert not default().accepts(drawing({**rect, wrong: 0}))


@pytest.mark.parametrize(
    "element",
    [
        {"type": "fill", "color": "#0A1B2C"},
        {"type": "pixel", "x": 9, "y": 13, "color": "#FFFFFF"},
        {"type": "line", "x1": 0, "y1": 13, "x2": 9, "y2": 0, "color": "#FFFFFF"},
        {"type": "text", "content": "".join(GLYPHS)[:12], "x": -128, "y": -4, "color": "#FFFFFF"},
        {"type": "text", "content": "".join(GLYPHS)[-12:], "x": 9, "y": 13, "color": "#FFFFFF"},
    ],
)
def test_each_kind_of_element_can_be_drawn(element: dict[str, Any]) -> None:
    assert default().accepts(drawing(element))
    assert default().accepts(drawing(element, PIXEL))


@pytest.mark.parametrize(
    "element",
    [
        {"type": "fill", "color": "#abcdef"},
        {"type": "fill", "color": "#FFF"},
        {"type": "pixel", "x": 10, "y": 0, "color": "#FFFFFF"},
        {"type": "pixel", "x": 0, "y": 14, "color": "#FFFFFF"},
        {"type": "text", "content": "", "x": 0, "y": 0, "color": "#FFFFFF"},
        {"type": "text", "content": "HELLO WORLD !", "x": 0, "y": 0, "color": "#FFFFFF"},
        {"type": "text", "content": "hi", "x": 0, "y": 0, "color": "#FFFFFF"},
    ],
)
def test_what_is_outside_the_bounds_cannot_be_drawn(element: dict[str, Any]) -> None:
    assert not default().accepts(drawing(element))


@pytest.mark.parametrize("name", PATTERN_DEFAULTS)
def test_a_pattern_has_all_its_parameters_in_order(name: str) -> None:
    params = {key: value.upper() if isinstance(value, str) else value for key, value in PATTERN_DEFAULTS[name].items()}
    assert default().accepts(pattern(name, **params))
    assert not default().accepts(pattern(name, **dict(list(params.items())[:-1])))
    assert not default().accepts(pattern(name, **params, extra=1))
    if len(params) > 1:
        assert not default().accepts(pattern(name, **dict(reversed(params.items()))))


def test_a_density_has_at_most_two_decimals() -> None:
    def accepted(text: str) -> bool:
        sparkle = pattern("sparkle", color="#FFFFFF", bgColor="#1A1A1A", speed=100, density=7777)
        return default().accepts(sparkle.replace("7777", text))

    assert all(accepted(str(hundredths / 100)) for hundredths in range(1, 101))
    assert not any(map(accepted, ["0", "0.0", "0.00", "0.10", "1", "1.1", "0.123", ".5"]))


def test_only_the_last_step_may_stay_for_ever() -> None:
    assert default().accepts(program(step(1)))
    assert default().accepts(program(step(1, 1000), step(2, 86_400_000), step(3)))
    assert not default().accepts(program(step(1), step(2)))
    assert not default().accepts(program(step(1, 86_400_001)))
    assert not default().accepts(program(step(1, 0)))


def test_steps_are_numbered_and_at_most_max_steps() -> None:
    assert default().accepts(program(*(step(number, 1) for number in range(1, 13))))
    assert not default().accepts(program(*(step(number, 1) for number in range(1, 14))))
    assert not default().accepts(program(step(2)))
    assert not default().accepts(program(step(1, 5), step(3)))


def test_a_picture_may_have_more_elements_than_a_step_of_several() -> None:
    def picture(count: int) -> dict[str, Any]:
        return {"type": "render", "elements": [PIXEL] * count}

    assert default().accepts(program(step(1, **picture(48))))
    assert default().accepts(program(step(1, 5, **picture(48)), loop=loop(0, 1, 1)))
    assert not default().accepts(program(step(1, **picture(49))))
    assert default().accepts(program(step(1, 5, **picture(24)), step(2, **picture(24))))
    assert not default().accepts(program(step(1, 5, **picture(25)), step(2, **picture(24))))
    assert not default().accepts(program(step(1, 5, **picture(24)), step(2, **picture(25))))


def test_a_loop_names_steps_that_exist_in_order() -> None:
    steps = [step(number, 5) for number in range(1, 12)]
    for start in range(1, 13):
        for end in range(1, 13):
            accepted = default().accepts(program(*steps, loop=loop(3, start, end)))
            assert accepted == (start <= end <= 11), (start, end)
    assert not default().accepts(program(*steps, loop=None))


def test_a_loop_never_holds_a_step_that_stays_for_ever() -> None:
    steps = [step(1, 5), step(2, 5), step(3)]
    assert default().accepts(program(*steps, loop=loop(2, 1, 2)))
    assert not default().accepts(program(*steps, loop=loop(2, 1, 3)))
    assert not default().accepts(program(step(1), loop=loop(2, 1, 1)))


def test_on_complete_is_there_only_where_it_is_reached() -> None:
    assert default().accepts(program(step(1, 5), on_complete=STOP))
    assert default().accepts(program(step(1, 5), loop=loop(999, 1, 1), on_complete=STOP))
    assert not default().accepts(program(step(1), on_complete=STOP))
    assert not default().accepts(program(step(1, 5), loop=loop(0, 1, 1), on_complete=STOP))
    assert not default().accepts(program(step(1, 5), loop=loop(1000, 1, 1), on_complete=STOP))


def test_nothing_follows_the_program() -> None:
    assert not default().accepts(program(step(1)) + " ")
    assert not default().accepts(program(step(1)) + "}")


@pytest.mark.parametrize("name", ["0", "a" * 32, "tom's night-light 2"])
def test_a_name_within_the_bounds_is_accepted(name: str) -> None:
    assert default().accepts(program(step(1)).replace('"a"', f'"{name}"'))


@pytest.mark.parametrize("name", ["", "a" * 33, " a", "-a", "A", "caf\u00e9"])
def test_a_name_outside_the_bounds_is_not(name: str) -> None:
    assert not default().accepts(program(step(1)).replace('"a"', f'"{name}"'))


def test_repetitions_stay_far_below_what_llama_cpp_stops_counting_at() -> None:
    huge = Bounds(max_elements=10**6, max_step_elements=10**6, max_name=10**6, max_text=10**6)
    assert max(int(count) for count in re.findall(r"(\d+)\}", lamp_grammar(huge))) < 512


@pytest.mark.parametrize(
    "wrong", [{"max_steps": 0}, {"min_speed": 2, "max_speed": 1}, {"max_elements": 3, "max_step_elements": 4}]
)
def test_bounds_that_leave_nothing_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Bounds(**wrong)


def test_a_type_without_a_rule_is_named() -> None:
    with pytest.raises(TypeError, match=r"no rule for speed of type <class 'bytes'>"):
        grammar._Writer(SMALL).value(bytes, "speed")
