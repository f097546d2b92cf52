"""How people ask: phrases with slots, filled from the word banks, each with the meaning of what it says."""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import UserError
from .color import near, rgb
from .held_out import benchmark_twin
from .request import Meaning, Request
from .taxonomy import Phrases, Taxonomy

# Tries per wanted request before a category counts as exhausted.
_PATIENCE = 60
_SLOT = re.compile(r"\{(\w+)\}")
_ARTICLE = re.compile(r"\ba (?=[aeiou]|8|11|18)")
_CONSONANT_SOUND = re.compile(r"^(?:uni|use|usu|euro?|one\b|ufo)")
_DARK = ("black", "navy", "midnight blue", "maroon", "indigo")
_GROUNDS = (
    *("navy", "midnight blue", "indigo", "maroon", "purple", "forest green"),
    *("teal", "sky blue", "royal blue", "brown", "lavender", "mint"),
)
_TEMPOS = {
    "slow": ("slow", "gentle", "lazy", "very slow"),
    "medium": ("steady", "moderate"),
    "fast": ("fast", "quick", "rapid", "really fast"),
}
_WORDS = tuple(
    """
    HI YES NO OK WOW YAY HEY LOVE HOME SUN MOON PARTY GO STOP PEACE JOY FUN COOL NICE HELLO GAME WIN
    TEAM MOM DAD CAT DOG BYE PLAY REST STAR FIRE SALE OPEN ZEN JAZZ RUN TEA
    """.split()  # noqa: SIM905
)
_MINUTE = 60_000
_SPANS = {
    "30 seconds": 30_000,
    "90 seconds": 90_000,
    "1 minute": _MINUTE,
    "2 minutes": 2 * _MINUTE,
    "3 minutes": 3 * _MINUTE,
    "5 minutes": 5 * _MINUTE,
    "10 minutes": 10 * _MINUTE,
    "15 minutes": 15 * _MINUTE,
    "a quarter of an hour": 15 * _MINUTE,
    "20 minutes": 20 * _MINUTE,
    "25 minutes": 25 * _MINUTE,
    "30 minutes": 30 * _MINUTE,
    "half an hour": 30 * _MINUTE,
    "40 minutes": 40 * _MINUTE,
    "45 minutes": 45 * _MINUTE,
    "50 minutes": 50 * _MINUTE,
    "1 hour": 60 * _MINUTE,
    "an hour": 60 * _MINUTE,
}
_LONG_SPANS = {text: ms for text, ms in _SPANS.items() if ms >= 5 * _MINUTE}
_SHORT_SPANS = {text: ms for text, ms in _SPANS.items() if 2 * _MINUTE <= ms <= 15 * _MINUTE}
_OPENINGS = ("hey lamp, ", "okay lamp, ", "um, ", "so, ", "yo, ", "lamp, ", "alright, ", "hmm, ", "please, ")
# Categories whose shortest phrases are the same, and up to how many words.
_OVERLAPPING = ("pattern", "edge_case")
_SHARED_WORDS = 6
_ENDINGS = (" please", ", thanks", " right now", ", if you can", " for tonight", ", would you?", " again")


@dataclass
class _Filling:
    """The slots of one phrase being filled: its random draws and the meaning so far."""

    taxonomy: Taxonomy
    rng: random.Random
    turn: int  # which try of the category this is
    meaning: Meaning
    article: str | None = None
    spoken: dict[str, str] = field(default_factory=dict)

    def text(self, slot: str) -> str:
        """What stands for a slot; it is filled when it is not yet."""
        return self.spoken.get(slot) or self.fill(slot)

    def fill(self, slot: str) -> str:
        text = str(getattr(self, f"_{slot}")())
        self.spoken[slot] = text
        return text

    def _object(self) -> str:
        # Dealt like cards, so that all pictures come equally often.
        names = list(self.taxonomy.trained_pictures())
        deal, position = divmod(self.turn, len(names))
        random.Random(deal).shuffle(names)
        name = names[position]
        picture = self.taxonomy.pictures[name]
        self.meaning["object"] = name
        say = self.rng.choice(picture.say)
        # An article of its own goes with the first noun; further nouns follow the usual rule.
        self.article = picture.article if say == picture.say[0] else None
        return say

    def _color(self) -> str:
        taken = {self.spoken.get(slot) for slot in ("color", "color2", "color3", "ground")}
        words = [word for word in self.taxonomy.colors if word not in taken]
        if self.meaning["intent"] in ("picture", "text", "clock", "countdown", "then") and "ground" not in self.spoken:
            words = [word for word in words if word not in _DARK]
        if "object" in self.meaning:
            # A part in the colour of another part would disappear in it.
            picture = self.taxonomy.pictures[self.meaning["object"]]
            others = [rgb(color) for letter, color in picture.palette.items() if letter != picture.colour]
            words = [
                word for word in words if not any(near(rgb(self.taxonomy.colors[word]), other, 48) for other in others)
            ]
        ground = self.meaning.get("ground")
        if ground:
            words = [word for word in words if not near(rgb(self.taxonomy.colors[word]), rgb(ground), 150)]
        word = self.rng.choice(words)
        self.meaning.setdefault("colors", []).append(self.taxonomy.colors[word])
        return word

    _color2 = _color
    _color3 = _color

    def _ground(self) -> str:
        shown = [rgb(color) for color in self.meaning.get("colors", [])]
        if "object" in self.meaning:
            shown += [rgb(color) for color in self.taxonomy.pictures[self.meaning["object"]].palette.values()]
        words = [
            word for word in _GROUNDS if not any(near(rgb(self.taxonomy.colors[word]), color, 110) for color in shown)
        ]
        word = self.rng.choice(words or ["navy"])
        self.meaning["ground"] = self.taxonomy.colors[word]
        return word

    def _tempo(self) -> str:
        tempo = self.rng.choice(list(_TEMPOS))
        self.meaning["tempo"] = tempo
        return self.rng.choice(_TEMPOS[tempo])

    def _mood(self) -> str:
        mood = self.rng.choice(list(self.taxonomy.moods))
        # What is said of a mood itself goes before the mood of an occasion.
        self.meaning["mood"] = mood
        return self.rng.choice(self.taxonomy.moods[mood].say)

    def _occasion(self, bank: dict[str, str]) -> str:
        occasion = self.rng.choice(list(bank))
        if "mood" not in self.spoken:
            self.meaning.setdefault("mood", bank[occasion])
        return occasion

    def _activity(self) -> str:
        if self.meaning["intent"] == "mood":
            return self._occasion(self.taxonomy.activities)
        return self.rng.choice(list(self.taxonomy.activities))

    def _place(self) -> str:
        return self._occasion(self.taxonomy.places)

    def _time(self) -> str:
        return self._occasion(self.taxonomy.times)

    def _scene(self) -> str:
        name = self.rng.choice(list(self.taxonomy.scenes))
        # Scenes of the benchmark must be learnt from other wordings: ask for them more often.
        if self.rng.random() < 0.45:
            name = self.rng.choice(
                ("sunrise", "meditation", "party", "thunderstorm", "traffic_light", "romantic_evening")
            )
        self.meaning["scene"] = name
        return self.rng.choice(self.taxonomy.scenes[name].say)

    def _span(self, key: str, bank: dict[str, int]) -> str:
        text = self.rng.choice(list(bank))
        self.meaning[key] = bank[text]  # type: ignore[literal-required]
        return text

    def _minutes(self) -> str:
        if self.meaning["intent"] == "pomodoro":
            return self._span("work_ms", _LONG_SPANS)
        return self._span("duration_ms", _LONG_SPANS if self.meaning["intent"] == "dim" else _SPANS)

    def _minutes2(self) -> str:
        return self._span("break_ms", _SHORT_SPANS)

    def _count(self) -> int:
        self.meaning["number"] = self.rng.randint(3, 10)
        return self.meaning["number"]

    def _word(self) -> str:
        self.meaning["text"] = self.rng.choice(_WORDS)
        return self.meaning["text"]

    def _number(self) -> str:
        self.meaning["text"] = str(self.rng.randint(0, 99))
        return self.meaning["text"]

    def _clock(self) -> str:
        self.meaning["text"] = f"{self.rng.randint(1, 23)}:{self.rng.randrange(0, 60, 5):02}"
        return self.meaning["text"]

    def _score(self) -> str:
        home, guests = self.rng.randint(0, 9), self.rng.randint(0, 9)
        # A colon is narrower than a dash, so that the whole score fits one row.
        self.meaning["text"] = f"{home}:{guests}"
        return f"{home}-{guests}"

    def _hour(self) -> str:
        hour, minute = self.rng.randint(1, 12), self.rng.choice((0, 0, 0, 30, 15, 45))
        self.meaning["hour"], self.meaning["minute"] = hour, minute
        if minute == 0:
            return self.rng.choice((f"{hour} o'clock", f"{hour}:00", f"{hour} sharp"))
        if minute == 45:
            return self.rng.choice((f"quarter to {hour % 12 + 1}", f"{hour}:45"))
        return self.rng.choice(({30: "half past", 15: "quarter past"}[minute] + f" {hour}", f"{hour}:{minute}"))

    def _weather(self) -> str:
        self.meaning["weather"] = self.rng.choice(("sunny", "cloudy", "rainy", "snowy", "stormy"))
        return self.meaning["weather"]

    def _degrees(self) -> int:
        degrees = self.rng.randint(-9, 39)
        if self.meaning["intent"] == "text":
            self.meaning["text"] = str(degrees)
        else:
            self.meaning["number"] = degrees
        return degrees


def requests(taxonomy: Taxonomy, quotas: dict[str, int], seed: int, benchmark_path: Path) -> Iterator[Request]:
    """`quotas[category]` unique requests of each category, none of which is held out.

    The n-th try of a category has random draws of its own, so a larger quota only adds rows.
    Raises UserError when the phrases of a category cannot give so many.
    """
    for category, quota in quotas.items():
        if quota < 0:
            raise UserError(f"params.yaml, lamp_prompts.quotas.{category}: {quota} is negative; take 0 or more")
        if category not in taxonomy.phrases:
            raise UserError(f"params.yaml, lamp_prompts.quotas: no phrases for category {category!r} in phrases.yaml")
        # A set for each category: what one category says never takes rows from another.
        seen: set[str] = set()
        made = 0
        for attempt in range(quota * _PATIENCE):
            if made == quota:
                break
            rng = random.Random(f"{seed}:{category}:{attempt}")
            prompt, meaning = _request(taxonomy, category, rng, attempt)
            if prompt.lower() in seen or benchmark_twin(prompt, benchmark_path) or not _claims(category, prompt):
                continue
            seen.add(prompt.lower())
            made += 1
            yield {
                "id": f"{category}-{attempt:06}",
                "prompt": prompt,
                "category": category,
                "meaning": meaning,
            }
        if made < quota:
            raise UserError(
                f"params.yaml, lamp_prompts.quotas.{category}: {quota} requests wanted, but its phrases gave"
                f" only {made} different ones; lower the quota or add phrases to phrases.yaml"
            )


def _claims(category: str, prompt: str) -> bool:
    """Whether a category may have this prompt.

    Short prompts ("emerald please") could come from `pattern` and from `edge_case`: a hash of the prompt, not
    who came first, says whose they are.
    """
    if category not in _OVERLAPPING or len(prompt.split()) > _SHARED_WORDS:
        return True
    return _OVERLAPPING[zlib.crc32(prompt.lower().encode()) % len(_OVERLAPPING)] == category


def _request(taxonomy: Taxonomy, category: str, rng: random.Random, turn: int) -> tuple[str, Meaning]:
    groups = taxonomy.phrases[category]
    group: Phrases = rng.choices(groups, [phrases.weight for phrases in groups])[0]
    filling = _Filling(taxonomy, rng, turn, group.meaning.copy())
    phrase = rng.choice(group.say)
    if "{object}" in phrase:
        filling.fill("object")  # before the colours, which must suit it
    text = _SLOT.sub(lambda match: match[0] if match[1] == "a" else filling.text(match[1]), phrase)
    text = _with_articles(text, filling)
    if rng.random() < 0.25:
        text = _spoken(text, rng)
    return text, filling.meaning


def _with_articles(text: str, filling: _Filling) -> str:
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
    return "a " if _CONSONANT_SOUND.match(rest) else "an "


def _spoken(text: str, rng: random.Random) -> str:
    """As people say it: with an opening or an ending, but not with both."""
    if rng.random() < 0.5:
        return rng.choice(_OPENINGS) + text
    if text.endswith(("?", "please", "pls", "plz")):
        return text
    return text + rng.choice(_ENDINGS)
