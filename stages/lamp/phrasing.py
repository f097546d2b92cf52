"""How people ask: phrases with slots, filled from the word banks, each with the meaning of what it says.

The n-th request of a unit (a category, or a sub-category of it) hangs on the seed, the unit and n, and on the
unit's earlier requests, from which it must differ: a larger quota only adds rows, and no unit knows another.
"""

from __future__ import annotations

import copy
import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import UserError
from .filling import Filling
from .held_out import benchmark_twin, content_words
from .request import Meaning, Request
from .similarity import Seen, normalised
from .taxonomy import Phrases, Taxonomy, Unit

# Tries per wanted request before a unit counts as exhausted.
_PATIENCE = 80
_SLOT = re.compile(r"\{(?:(\d)\.)?(\w+)\}")
_ARTICLE = re.compile(r"\b([Aa]) (?=[aeiou]|8|11|18)")
_CONSONANT_SOUND = re.compile(r"^(?:uni(?!n)|use|usu|euro?|one\b|ufo|u-)")
_PATIENCE_WITH_A_LINE = 4
_HAND = _PATIENCE // _PATIENCE_WITH_A_LINE
# How alike a unit's requests may be where it has nothing else to say any more: what a screen at 0.9 still keeps.
_EXHAUSTED_LIMIT = 0.9
_SPOKEN_SHARE = 0.25
_SPOKEN_AGAIN_SHARE = 0.9
_CORRECTED_SHARE = 0.06
_TITLE_WORD = re.compile(r"[a-z]{3,10}")
_TITLE_WORDS = 2
_BIG = re.compile(r"\b(?:big|large|huge)\b")
_SHORT, _MEDIUM = 3, 8  # words of a short request at most, and of a medium one
_OPENINGS = (
    *("hey lamp, ", "okay lamp, ", "um, ", "so, ", "yo, ", "lamp, ", "alright, ", "hmm, ", "please, ", "oh, "),
    *("hey, ", "right, ", "uh, ", "okay so ", "well, ", "hi lamp, ", "hello, ", "quick one: ", "you know what, "),
    *("listen, ", "if it's not too much trouble, ", "when you get a second, ", "so I was thinking, "),
)
_ENDINGS = (
    *(" please", ", thanks", " right now", ", if you can", " for tonight", ", would you?", " again", " or something"),
    *("...", " maybe", ", please", " now", ", okay?", ", thank you", " for a bit", " or so", ", cheers", ", ta"),
    *(" if that's possible", " for a while", ", you know what I mean", " when you're ready", ", that'd be great"),
)
_FINISHED = ("?", "!", "...", "please", "pls", "plz", "thanks", "thx", "now", "tonight", "again", "maybe", "cheers")


@dataclass(frozen=True)
class _Line:
    """One phrase. number: its place in the unit. length: the class of its words, each slot counted as one."""

    group: Phrases
    say: str
    number: int
    length: int


@dataclass(frozen=True)
class _Turn:
    """Which request of its unit is being made. length: the class that is wanted, None for any.

    number: of the request. deal, card: where in the shuffled lines of its class it stands. hand: the next cards of
    the deck of objects. attempt: how often it was tried before.
    """

    number: int
    length: int | None
    deal: int
    card: int
    hand: tuple[int, ...]
    attempt: int = 0

    @property
    def held(self) -> int:
        """Which of the hand is tried."""
        return self.attempt // _PATIENCE_WITH_A_LINE


def requests(
    taxonomy: Taxonomy, unit: Unit, quota: int, seed: int, benchmark_path: Path, where: str | None
) -> Iterator[Request]:
    """`quota` requests of a unit, no two alike and none held out.

    where: the parameter that holds the quota, for messages. Raises UserError when the phrases cannot give so many;
        with None they end there.
    """
    if quota < 0:
        raise UserError(f"{where}: {quota} is negative; take 0 or more")
    seen, elsewhere = Seen(), _said_elsewhere(taxonomy, unit)
    lines = _lines(unit)
    dealt: Counter[int | None] = Counter()
    first = _first_object(taxonomy, unit)
    hand = list(range(first, first + _HAND))
    for number in range(quota):
        length = _wanted_length(unit, number)
        size = max(1, sum(length in (None, line.length) for line in lines))
        turn = _Turn(number, length, *divmod(dealt[length], size), tuple(hand))
        dealt[length] += 1
        made = _different(taxonomy, unit, lines, turn, seed, benchmark_path, seen, elsewhere)
        if made is None:
            made = _different(taxonomy, unit, lines, turn, seed, benchmark_path, seen, elsewhere, _EXHAUSTED_LIMIT)
        if made is None and where is None:
            return
        if made is None:
            raise UserError(
                f"{where}: {quota} requests wanted, but the phrases of {unit.key} gave only {number} different ones;"
                " lower the quota or add phrases"
            )
        request, now = made
        if _draws_object(lines[int(request["template"].rpartition("#")[2])]):
            # What did not fit stays in the hand and is tried first, so that every object has its turn.
            hand.remove(now.hand[now.held])
            hand.append(now.hand[-1] + 1)
        yield request


def _said_elsewhere(taxonomy: Taxonomy, unit: Unit) -> frozenset[str]:
    """The phrases without slots of other units, normalised: a slot that stands alone ("{mood}") would say them, too.

    Of units with the same phrase the first has it.
    """
    owners: dict[str, str] = {}
    for other in taxonomy.units.values():
        for line in _lines(other):
            if not _SLOT.search(line.say):
                owners.setdefault(normalised(line.say), other.key)
    return frozenset(said for said, owner in owners.items() if owner != unit.key and said)


def _first_object(taxonomy: Taxonomy, unit: Unit) -> int:
    """With which card a unit begins: those of a category share the deck of objects, so that all of it is drawn."""
    sharing = [
        other.key
        for other in taxonomy.units.values()
        if (other.version, other.category) == (unit.version, unit.category) and any(map(_draws_object, _lines(other)))
    ]
    return sharing.index(unit.key) * len(taxonomy.trained_pictures()) // len(sharing) if unit.key in sharing else 0


def _draws_object(line: _Line) -> bool:
    """Whether a phrase asks for any object."""
    return "object}" in line.say and "object" not in line.group.pick


def _different(
    taxonomy: Taxonomy,
    unit: Unit,
    lines: list[_Line],
    turn: _Turn,
    seed: int,
    benchmark_path: Path,
    seen: Seen,
    elsewhere: frozenset[str],
    limit: float | None = None,
) -> tuple[Request, _Turn] | None:
    """The unit's request of this turn and the try that made it; None when many tries gave none.

    It is unlike those seen (up to `limit`), and none of what is said elsewhere.
    """
    for attempt in range(_PATIENCE):
        rng = random.Random(f"{seed}:{unit.key}:{turn.number}:{attempt}")
        now = replace(turn, attempt=attempt)
        line = _line(unit, lines, now, seed, rng)
        prompt, meaning, plain = _said(taxonomy, unit, line, now, rng)
        if turn.length is not None and length_class(prompt) != turn.length:
            continue
        if normalised(prompt) in elsewhere:
            continue
        # Held out in every wording, whatever is said around it.
        if benchmark_twin(plain, benchmark_path) or benchmark_twin(prompt, benchmark_path):
            continue
        if not seen.add(prompt, limit):
            continue
        request: Request = {
            "id": f"{unit.key.replace('/', '-')}-{turn.number:05}",
            "prompt": prompt,
            "category": unit.category,
            "subcategory": unit.subcategory or meaning["intent"],
            "version": unit.version,
            "template": f"{unit.key}#{line.number}",
            "meaning": _heard(meaning, prompt),
        }
        return request, now
    return None


def _heard(meaning: Meaning, prompt: str) -> Meaning:
    """The meaning with what only the finished request says: a title for a mood or a pattern, the size of digits."""
    if meaning["intent"] == "countdown" and _BIG.search(prompt):
        return {**meaning, "place": "big"}
    if meaning["intent"] not in ("mood", "pattern") or "title" in meaning:
        return meaning
    said = [word for word in _TITLE_WORD.findall(prompt.lower()) if content_words(word)]
    return {**meaning, "title": " ".join(said[:_TITLE_WORDS])} if said else meaning


def _lines(unit: Unit) -> list[_Line]:
    found: list[_Line] = []
    for group in unit.groups:
        for say in group.say:
            words = _SLOT.sub(lambda match: "a" if match[2] == "a" else "x", say)
            found.append(_Line(group, say, len(found), length_class(words)))
    return found


def length_class(prompt: str) -> int:
    """0 for 1-3 words, 1 for 4-8, 2 for more."""
    words = len(prompt.split())
    return 0 if words <= _SHORT else 1 if words <= _MEDIUM else 2


def _wanted_length(unit: Unit, number: int) -> int | None:
    """The length class of a unit's n-th request: any beginning of the sequence has nearly the unit's shares."""
    if unit.lengths is None:
        return None
    # Multiples of the golden ratio fill 0..1 evenly (Weyl); what is random would be off by several percent.
    place = 100 * (number * 0.6180339887498949 % 1)
    short, medium, _ = unit.lengths
    return 0 if place < short else 1 if place < short + medium else 2


def _line(unit: Unit, lines: list[_Line], turn: _Turn, seed: int, rng: random.Random) -> _Line:
    """The phrase for a turn: dealt like cards, so that none comes much more often than others."""
    if turn.length is None:
        group = rng.choices(unit.groups, [phrases.weight for phrases in unit.groups])[0]
        return rng.choice([line for line in lines if line.group is group])
    fitting = [line for line in lines if line.length == turn.length]
    if fitting and turn.attempt < _PATIENCE_WITH_A_LINE:
        random.Random(f"{seed}:{unit.key}:{turn.length}:{turn.deal}").shuffle(fitting)
        return fitting[turn.card]
    if turn.attempt > _PATIENCE // 2 or not fitting:
        # A shorter phrase can be said with more around it, and slots can take more than one word.
        fitting += [line for line in lines if line.length == turn.length - 1] or (lines if not fitting else [])
    return rng.choices(fitting, [line.group.weight for line in fitting])[0]


def _said(taxonomy: Taxonomy, unit: Unit, line: _Line, turn: _Turn, rng: random.Random) -> tuple[str, Meaning, str]:
    """A phrase with its slots filled, as people say it; what it means; and what it is with nothing said around it."""
    meaning = copy.deepcopy(line.group.meaning)
    card = turn.hand[turn.held] if _draws_object(line) else turn.number + 31 * turn.attempt
    corrects = turn.length not in (None, 0) and rng.random() < _CORRECTED_SHARE
    parts = meaning.get("parts", [meaning])
    deck = f"{unit.version}/{unit.category}"
    fillings = [
        Filling(taxonomy, rng, f"{deck}:{number}", card, part, line.group.pick, corrects, len(parts) > 1)
        for number, part in enumerate(parts)
    ]
    slots = [(int(number or 1) - 1, name) for number, name in _SLOT.findall(line.say) if name != "a"]
    for number, name in sorted(set(slots)):
        if name == "object":
            fillings[number].fill(name)  # before the colours, which must suit it

    def filled(match: re.Match[str]) -> str:
        return "{a}" if match[2] == "a" else fillings[int(match[1] or 1) - 1].text(match[2])

    text = _with_articles(_SLOT.sub(filled, line.say), fillings)
    if turn.length is None:
        return (_spoken(text, rng) if rng.random() < _SPOKEN_SHARE else text), meaning, text
    return _fitted(text, turn, rng), meaning, text


def _with_articles(text: str, fillings: list[Filling]) -> str:
    for filling in fillings:
        noun = filling.spoken.get("object")
        if noun is not None and filling.article is not None:
            own = f"{filling.article} " if filling.article else ""
            text = text.replace("{a} " + noun, own + noun)
            if not filling.article:
                # "piano keys", "a red piano keys": what takes no article takes none behind an adjective either.
                text = re.sub(r"(?:\{a\}|\ba) ((?:[\w-]+ ){1,3}" + re.escape(noun) + r"\b)", r"\1", text)
    return _ARTICLE.sub(_an, text.replace("{a}", "a"))


def _an(match: re.Match[str]) -> str:
    rest = match.string[match.end() :]
    return f"{match[1]} " if _CONSONANT_SOUND.match(rest) else f"{match[1]}n "


def _spoken(text: str, rng: random.Random) -> str:
    """As people say it: with an opening or an ending, but not with both."""
    if rng.random() < 0.5:
        return _opened(rng.choice(_OPENINGS), text)
    if text.endswith(_FINISHED):
        return text
    return text + rng.choice(_ENDINGS)


def _fitted(text: str, turn: _Turn, rng: random.Random) -> str:
    """As people say it, with no more words around it than the wanted length allows, and no fewer than it needs."""
    words = len(text.split())
    low, high = ((1, _SHORT), (_SHORT + 1, _MEDIUM), (_MEDIUM + 1, 99))[turn.length or 0]
    # Said a second time, a phrase needs something around it to be another request.
    again = turn.deal > 0 or turn.attempt > 0
    if words >= low and rng.random() > (_SPOKEN_AGAIN_SHARE if again else _SPOKEN_SHARE):
        return text
    opening, ending = "", ""
    if rng.random() < 0.5 or words < low:
        opening = rng.choice([""] + [each for each in _OPENINGS if len(each.split()) + words <= high])
        words += len(opening.split())
    if (not opening or again or words < low) and not text.endswith(_FINISHED):
        ending = rng.choice([""] + [each for each in _ENDINGS if len(each.strip(" ,.").split()) + words <= high])
    if ending == "..." and turn.length == 0 and not again:
        ending = ""
    return (_opened(opening, text) if opening else text) + ending


def _opened(opening: str, text: str) -> str:
    first = text.split(maxsplit=1)[0]
    # "I'd like" stays, and so does "HELLO"; a sentence's capital does not.
    keeps = first == "I" or first.startswith(("I'", "I\u2019")) or first.isupper()
    return opening + (text if keeps else text[0].lower() + text[1:])
