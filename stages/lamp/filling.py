"""Slots of a phrase being filled from the word banks, each draw noted in the meaning of what is said."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from .color import near, rgb
from .pixel_art import elements
from .request import Meaning
from .taxonomy import CLASSIC, Taxonomy

_DARK = ("black", "navy", "midnight blue", "maroon", "indigo")
_GROUNDS = (
    *("navy", "midnight blue", "indigo", "maroon", "purple", "forest green"),
    *("teal", "sky blue", "royal blue", "brown", "lavender", "mint"),
    *("plum", "olive", "steel blue", "electric blue", "hot pink", "crimson", "turquoise", "copper"),
)
_TEMPOS = {
    "slow": ("slow", "gentle", "lazy", "very slow"),
    "medium": ("steady", "moderate"),
    "fast": ("fast", "quick", "rapid", "really fast"),
}
_WORDS = tuple(
    """
    HI YES NO OK WOW YAY HEY LOVE HOME SUN MOON PARTY GO STOP PEACE JOY FUN COOL NICE HELLO GAME WIN
    TEAM MOM DAD CAT DOG BYE PLAY REST STAR FIRE SALE OPEN ZEN JAZZ RUN TEA LIVE EXIT HOT NEW BEST ROCK
    MUSIC DANCE BABY SNOW RAIN WARM CALM FOCUS BOO LUCKY HAPPY SMILE DREAM
    """.split()  # noqa: SIM905
)
_MESSAGES = (
    *("HELLO WORLD", "HAPPY DAY", "WELCOME", "GOOD LUCK", "WELL DONE", "I LOVE YOU", "BE BACK SOON", "DO NOT ENTER"),
    *("ON AIR", "GAME OVER", "DINNER TIME", "GOOD NIGHT", "TIME FOR BED", "CONGRATS", "THANK YOU", "HAVE FUN"),
    *("SEE YOU", "LUNCH BREAK", "MEETING", "QUIET PLEASE", "GOOD MORNING", "WAKE UP", "LETS GO", "YOU ROCK"),
)
_MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()  # noqa: SIM905
_MINUTE = 60_000
# How cold and how warm it may be, in degrees Celsius.
_WEATHERS = {"sunny": (-4, 39), "cloudy": (-4, 28), "rainy": (1, 24), "snowy": (-9, 2), "stormy": (3, 31)}
_SIMPLE = 13  # drawing elements
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
# Colours of these stand out from the dark or from a ground.
_DRAWN = ("picture", "text", "clock", "countdown", "then", "status")
_CORRECTIONS = ("{0} no wait, {1}", "{0}, no, {1}", "{0}, I mean {1}", "{0}, actually {1}", "{0}... or rather {1}")


@dataclass
class Filling:
    """The slots of one phrase being filled.

    turn: which card of the deal of objects is drawn. meaning: grows as slots are filled. pick: narrower banks,
    by slot. corrects: whether a colour is said as people correct themselves, once. simple: whether pictures
    must be of few elements, because several commands follow one another.
    """

    taxonomy: Taxonomy
    rng: random.Random
    deal: str
    turn: int
    meaning: Meaning
    pick: dict[str, tuple[str, ...]] = field(default_factory=dict)
    corrects: bool = False
    simple: bool = False
    article: str | None = None
    spoken: dict[str, str] = field(default_factory=dict)

    def text(self, slot: str) -> str:
        """What stands for a slot; it is filled when it is not yet."""
        return self.spoken.get(slot) or self.fill(slot)

    def fill(self, slot: str) -> str:
        """Draw what stands for a slot and note what that means."""
        text = str(getattr(self, f"_{slot}")())
        self.spoken[slot] = text
        return text

    def _choice(self, slot: str, bank: Any) -> str:
        return str(self.rng.choice(self.pick.get(slot) or list(bank)))

    def _title(self, words: str) -> None:
        self.meaning.setdefault("title", words.removeprefix("a ").removeprefix("an "))

    def _object(self) -> str:
        # Dealt like cards, so that all pictures come equally often.
        names = list(self.pick.get("object") or self.taxonomy.trained_pictures())
        if self.simple and "object" not in self.pick:
            names = [name for name in names if len(elements(self.taxonomy.pictures[name])) <= _SIMPLE]
        deal, position = divmod(self.turn, len(names))
        random.Random(f"{self.deal}:{deal}").shuffle(names)
        name = names[position]
        picture = self.taxonomy.pictures[name]
        self.meaning["object"] = name
        say = self.rng.choice(picture.say)
        # An article of its own goes with the first noun; further nouns follow the usual rule.
        self.article = picture.article if say == picture.say[0] else None
        return say

    def _color(self) -> str:
        taken = {self.spoken.get(slot) for slot in ("color", "color2", "color3", "ground")}
        words = [word for word in self.pick.get("color") or self.taxonomy.colors if word not in taken]
        if self.meaning["intent"] in _DRAWN and "ground" not in self.spoken:
            words = [word for word in words if word not in _DARK]
        if "object" in self.meaning:
            # A part in the colour of another part would disappear in it.
            picture = self.taxonomy.pictures[self.meaning["object"]]
            others = [rgb(color) for letter, color in picture.palette.items() if letter != picture.colour]
            words = [
                word for word in words if not any(near(rgb(self.taxonomy.colors[word]), other, 48) for other in others)
            ]
        for shown in (self.meaning.get("ground"), *self.meaning.get("colors", ())):
            if shown:
                distance = 150 if shown == self.meaning.get("ground") else 90
                words = [word for word in words if not near(rgb(self.taxonomy.colors[word]), rgb(shown), distance)]
        word = self.rng.choice(words)
        self.meaning.setdefault("colors", []).append(self.taxonomy.colors[word])
        if self.corrects and len(words) > 1:
            self.corrects = False
            wrong = self.rng.choice([other for other in words if other != word])
            return self.rng.choice(_CORRECTIONS).format(wrong, word)
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
        tempo = self._choice("tempo", _TEMPOS)
        self.meaning["tempo"] = tempo
        return self.rng.choice(_TEMPOS[tempo])

    def _mood(self) -> str:
        mood = self._choice("mood", self.taxonomy.moods)
        # What is said of a mood itself goes before the mood of an occasion.
        self.meaning["mood"] = mood
        return self.rng.choice(self.taxonomy.moods[mood].say)

    def _occasion(self, slot: str, bank: dict[str, str]) -> str:
        occasion = self._choice(slot, bank)
        if "mood" not in self.spoken:
            self.meaning.setdefault("mood", bank[occasion])
        if self.meaning["intent"] == "mood":
            self._title(occasion)
        return occasion

    def _activity(self) -> str:
        if self.meaning["intent"] == "mood":
            return self._occasion("activity", self.taxonomy.activities)
        return self._choice("activity", self.taxonomy.activities)

    def _place(self) -> str:
        return self._occasion("place", self.taxonomy.places)

    def _time(self) -> str:
        return self._occasion("time", self.taxonomy.times)

    def _scene(self) -> str:
        classic = [name for name, scene in self.taxonomy.scenes.items() if scene.group == CLASSIC]
        name = self._choice("scene", classic)
        # Scenes of the benchmark must be learnt from other wordings: ask for them more often.
        if "scene" not in self.pick and self.rng.random() < 0.45:
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
        return self._span("duration_ms", _LONG_SPANS if self.meaning["intent"] in ("dim", "candle") else _SPANS)

    def _minutes2(self) -> str:
        return self._span("break_ms", _SHORT_SPANS)

    def _count(self) -> int:
        self.meaning["number"] = self.rng.randint(3, 10)
        return self.meaning["number"]

    def _word(self) -> str:
        self.meaning["text"] = self._choice("word", _WORDS)
        return self.meaning["text"]

    def _message(self) -> str:
        self.meaning["text"] = self._choice("message", _MESSAGES)
        return self.meaning["text"]

    def _date(self) -> str:
        self.meaning["text"] = f"{self.rng.choice(_MONTHS)} {self.rng.randint(1, 28)}"
        return self.meaning["text"].title()

    def _number(self) -> str:
        self.meaning["text"] = str(self.rng.randint(0, 99))
        return self.meaning["text"]

    def _percent(self) -> int:
        self.meaning["percent"] = self.rng.randrange(5, 101, 5)
        return self.meaning["percent"]

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
        self.meaning["weather"] = self._choice("weather", _WEATHERS)
        return self.meaning["weather"]

    def _degrees(self) -> int:
        if self.meaning["intent"] == "text":
            degrees = self.rng.randint(-9, 39)
            self.meaning["text"] = str(degrees)
            return degrees
        if "weather" not in self.meaning:
            self.fill("weather")  # which says how warm it can be
        degrees = self.rng.randint(*_WEATHERS[self.meaning["weather"]])
        self.meaning["number"] = degrees
        return degrees
