"""Where a text stands in a grammar, token by token: a dict look-up where a token was seen before.

Comes in: GBNF text, read once, and the text of each token. Goes out: for a place and a token, the place behind
it, or that the token is not allowed there.
Always holds: a token is allowed exactly where llama.cpp's own grammar sampler allows it.

llama.cpp walks through every token character by character and copies stacks meanwhile: twice 35 us for one of
ours, a quarter of what a small model needs to compute it. Programs are much alike, so the same token is nearly
always asked for at the same place again: that is 0.2 us here, and about 10 for the first time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

# A character position: the bytes that may stand there. A rule position: the rule's number. None ends a sequence.
_Item = frozenset[int] | int | None
# What is still to be written, the next position first; None: nothing more, the text may end.
_Stack = tuple[int, "_Stack"] | None

_TOKEN = re.compile(
    r'\s*(?:(?P<name>[A-Za-z][\w-]*)(?P<rule>\s*::=)?|(?P<literal>"(?:\\.|[^"\\])*")'
    r"|(?P<characters>\[(?:\\.|[^\]\\^])(?:\\.|[^\]\\])*\])|(?P<count>\{\d+(?:,\d+)?\}|\?)|(?P<sign>[()|]))"
)
_CHARACTER = re.compile(r"\\x([0-9A-Fa-f]{2})|\\(.)|(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
# Places and tokens remembered before all are forgotten: some MB. Programs of an evening need a tenth of it.
_MEMORY = 50_000


class Place(dict[int, "Place | None"]):
    """`place[token]` is the place behind `token`, None where it may not come next.

    complete: the text may end here and only end. An end token is allowed where the text may end, and leads
    to the same place.
    """

    def __init__(self, grammar: Grammar, stacks: tuple[_Stack, ...]) -> None:
        super().__init__()
        self.grammar, self.stacks = grammar, stacks
        self.complete = stacks == (None,)

    def __missing__(self, token: int) -> Place | None:
        self[token] = following = self.grammar.behind(self, token)
        return following


class Grammar:
    """A grammar over a vocabulary; `start` is where every text begins.

    text: GBNF that llama.cpp has accepted, root `root`, of the signs that `lamp_grammar` uses: literals,
    classes, groups, `|`, `?`, `{n}` and `{m,n}`. pieces: the bytes of each token. end: the end tokens.
    Raises ValueError for other signs and for characters beyond ASCII.
    """

    def __init__(self, text: str, pieces: Mapping[int, bytes], end: frozenset[int]) -> None:
        self._pieces, self._end = pieces, end
        rules = _Reader(text)
        self._items, self._starts = rules.items, rules.starts
        self._opened: dict[int, tuple[tuple[int, ...], ...]] = {}
        self._endings: dict[int, bytes] = {}
        first: dict[_Stack, None] = {}
        for start in rules.starts[rules.root]:
            self._settle(start, None, first)
        self._first = tuple(first)
        self._forget()

    def _forget(self) -> None:
        self._places: dict[tuple[_Stack, ...], Place] = {}
        self._remembered = 0
        self.start = self._place(self._first)

    def _place(self, stacks: tuple[_Stack, ...]) -> Place:
        if stacks not in self._places:
            self._places[stacks] = Place(self, stacks)
        return self._places[stacks]

    def behind(self, place: Place, token: int) -> Place | None:
        """What `place[token]` is, found by walking through the characters of `token`."""
        self._remembered += 1
        if self._remembered > _MEMORY:
            self._forget()  # `place` itself is in use and lives on
        if token in self._end:
            return place if None in place.stacks else None
        piece = self._pieces[token]
        if not piece or piece[0] == 0:
            return None  # llama.cpp allows neither, whatever the grammar says
        stacks = place.stacks
        for byte in piece:
            stacks = self._behind_byte(stacks, byte)
            if not stacks:
                return None
        return self._place(stacks)

    def ending(self, place: Place) -> bytes:
        """The shortest text that completes what stands before `place`; of several the first in the alphabet."""
        return min((self._rest(stack) for stack in place.stacks), key=_shortest_first)

    def _rest(self, stack: _Stack) -> bytes:
        text = b""
        while stack is not None:
            text += self._shortest(stack[0])
            stack = stack[1]
        return text

    def _shortest(self, position: int) -> bytes:
        """The shortest text from `position` to the end of its sequence. Found once: the grammar is not recursive."""
        if position not in self._endings:
            item = self._items[position]
            if item is None:
                found = b""
            elif isinstance(item, int):
                found = min(map(self._shortest, self._starts[item]), key=_shortest_first) + self._shortest(position + 1)
            else:
                found = bytes([min(item)]) + self._shortest(position + 1)
            self._endings[position] = found
        return self._endings[position]

    def _behind_byte(self, stacks: tuple[_Stack, ...], byte: int) -> tuple[_Stack, ...]:
        found: dict[_Stack, None] = {}
        for stack in stacks:
            if stack is not None:
                item = self._items[stack[0]]
                if isinstance(item, frozenset) and byte in item:
                    self._settle(stack[0] + 1, stack[1], found)
        return tuple(found)

    def _settle(self, position: int, rest: _Stack, found: dict[_Stack, None]) -> None:
        """Add to `found` all ways to go on at `position`, each with a character on top (or with nothing)."""
        for pushed in self._open(position):
            if pushed:
                stack = rest
                for below in pushed:
                    stack = (below, stack)
                found[stack] = None
            elif rest is None:
                found[None] = None
            else:
                self._settle(*rest, found)

    def _open(self, position: int) -> tuple[tuple[int, ...], ...]:
        """The stacks that stand for what begins at `position`, the top last; an empty one: nothing need come.

        They do not hang on what is below, so they are found once per position.
        """
        if position not in self._opened:
            item = self._items[position]
            if isinstance(item, int):
                # What ends its sequence leaves nothing below: lists that go on in tail position stay shallow.
                below = () if self._items[position + 1] is None else (position + 1,)
                found: dict[tuple[int, ...], None] = {}
                for start in self._starts[item]:
                    for pushed in self._open(start):
                        skipped = self._open(position + 1) if below and not pushed else ((*below, *pushed),)
                        found.update(dict.fromkeys(skipped))
                self._opened[position] = tuple(found)
            else:
                self._opened[position] = ((),) if item is None else ((position,),)
        return self._opened[position]


class _Reader:
    """GBNF as positions: sequences lie one behind the other in `items`, each with None at its end.

    starts: per rule the position of each alternative. root: the number of the rule `root`. Groups and
    repetitions are rules without a name.
    """

    def __init__(self, text: str) -> None:
        self.items: list[_Item] = []
        self.starts: list[list[int]] = []
        self._names: dict[str, int] = {}
        self._tokens = self._split(text)
        while self._tokens:
            kind, token = self._tokens.pop()
            if kind != "rule":
                raise ValueError(f"a rule is expected in the grammar, not {token!r}")
            self._alternatives(self._named(token))
        self.root = self._named("root")

    @staticmethod
    def _split(text: str) -> list[tuple[str, str]]:
        """(kind, token) of the whole text, the first one last."""
        found, at = [], 0
        text = text.rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if not match or not match[0].isascii():
                raise ValueError(f"the grammar has something that is not read here: {text[at : at + 40]!r}")
            kind = match.lastgroup or ""
            found.append((kind, match["name"] if kind == "rule" else match[kind]))
            at = match.end()
        return found[::-1]

    def _named(self, name: str) -> int:
        if name not in self._names:
            self._names[name] = self._rule()
        return self._names[name]

    def _rule(self, *alternatives: list[_Item]) -> int:
        self.starts.append([self._stored(items) for items in alternatives])
        return len(self.starts) - 1

    def _stored(self, items: list[_Item]) -> int:
        self.items += [*items, None]
        return len(self.items) - len(items) - 1

    def _alternatives(self, rule: int) -> None:
        """Read alternatives into `rule`, up to what cannot be a part of them."""
        self.starts[rule].append(self._stored(self._sequence()))
        while self._tokens and self._tokens[-1][1] == "|":
            self._tokens.pop()
            self.starts[rule].append(self._stored(self._sequence()))

    def _sequence(self) -> list[_Item]:
        items: list[_Item] = []
        last: list[_Item] = []  # what a count would repeat
        while self._tokens and self._tokens[-1][0] != "rule" and self._tokens[-1][1] not in ("|", ")"):
            kind, token = self._tokens.pop()
            if kind == "count":
                del items[len(items) - len(last) :]
                items += self._repeated(last, token)
                continue
            if kind == "sign":
                group = self._rule()
                self._alternatives(group)
                self._tokens.pop()  # the closing parenthesis
                last = [group]
            elif kind == "name":
                last = [self._named(token)]
            else:
                last = _literal(token) if kind == "literal" else [_characters(token)]
            items += last
        return items

    def _repeated(self, items: list[_Item], count: str) -> list[_Item]:
        """`items` as often as `count` (`?`, `{n}`, `{m,n}`) says."""
        low, high = (0, 1) if count == "?" else (int(ends) for ends in (count[1:-1].split(",") * 2)[:2])
        more: list[_Item] = []
        for _ in range(high - low):
            more = [self._rule([*items, *more], [])]
        return items * low + more


def _shortest_first(text: bytes) -> tuple[int, bytes]:
    return len(text), text


def _literal(token: str) -> list[_Item]:
    return [frozenset([code]) for code, _ in _codes(token)]


def _characters(token: str) -> _Item:
    codes = _codes(token)[::-1]
    allowed: set[int] = set()
    while codes:
        low = high = codes.pop()[0]
        if len(codes) > 1 and codes[-1] == (ord("-"), False):
            codes.pop()
            high = codes.pop()[0]
        allowed.update(range(low, high + 1))
    return frozenset(allowed)


def _codes(token: str) -> list[tuple[int, bool]]:
    """Each character between the quotes or brackets, and whether it was escaped."""
    for _, escaped, _ in _CHARACTER.findall(token[1:-1]):
        if escaped.isalnum() and escaped not in _ESCAPES:
            raise ValueError(f"the grammar has something that is not read here: {token!r}")
    return [
        (int(code, 16) if code else ord(_ESCAPES.get(escaped, escaped or plain)), not plain)
        for code, escaped, plain in _CHARACTER.findall(token[1:-1])
    ]
