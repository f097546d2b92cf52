"""Judgements of conduct: ETHICS (a labelled scenario) and Moral Stories (a norm, and what keeps or breaks it).

The answer is always a judgement in words with its reason, never a bare 0 or 1. The reason is what the data set
gives, and nothing beyond it:

- commonsense (label, input): label 1 means clearly wrong by everyday standards, as its annotators were asked;
  0, not clearly wrong. No reason is published, so the answer names that standard, and quotes a short scenario.
- justice (label, scenario): somebody treats another differently "because" of something; that clause (all of
  the scenario where the word is missing) is the reason. Label 1: it is a fair one.
- deontology (label, scenario, excuse): label 1: the excuse, or the duty that is drawn, is reasonable.
- virtue (label, "scenario [SEP] trait"): label 1: the trait shows in the scenario.
- moral_stories (norm, situation, intention, both actions and both consequences): the moral action is the
  answer, the norm its reason, and the immoral one with its consequence what to avoid.

Instructions and answers come in a few wordings; which one a row gets depends on its own text alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from zlib import crc32

from ...rows.row import Reason, Reject, Row
from ..family import Family, Record, text_of


class Schema(StrEnum):
    """The published schemas."""

    COMMONSENSE = "commonsense"
    JUSTICE = "justice"
    DEONTOLOGY = "deontology"
    VIRTUE = "virtue"
    MORAL_STORIES = "moral_stories"


@dataclass(frozen=True)
class Options:
    """The schema, and the field that holds the scenario in commonsense (`text` in other editions)."""

    schema: Schema = Schema.COMMONSENSE
    text: str = "input"


_QUOTED = 160
"""Characters of a scenario that an answer still quotes; the long ones are whole forum posts."""

_COMMONSENSE_ASKED = (
    "Is what the narrator does here morally wrong? Give your judgement and the reason for it.",
    "By everyday moral standards, is this wrong? Say why or why not.",
    "Judge the conduct in this account: is it clearly wrong, or not? Explain briefly.",
    "Somebody tells you this about themselves. Did they do something wrong? Give a reason.",
)
_WRONG = (
    "Yes, it is wrong. By the everyday standards that most people share, one should not act like this",
    "I would call this wrong. Most people would blame the narrator, and nothing that is told excuses it",
    "This is clearly wrong, because it goes against what people can ordinarily expect of each other",
)
_NOT_WRONG = (
    "No, it is not clearly wrong. By the everyday standards that most people share, nobody is to blame for this",
    "I would not call this wrong. Nothing told here goes against what people can ordinarily expect of each other",
    "This is not morally wrong, because most people would find nothing in it to blame",
)

_JUSTICE_ASKED = (
    "Is the reason given here a fair one? Explain.",
    "Does this person have a good ground for what they expect or do? Give your judgement and its reason.",
)
_FAIR = "Yes, that is reasonable. “{}” is a ground that makes the difference fair."
_UNFAIR = "No, that is not reasonable. “{}” is no ground that would make the difference fair."

_DEONTOLOGY_ASKED = (
    "Is the second statement a reasonable answer to the first? Explain.",
    "Someone says the first, and the reply is the second. Does the reply hold? Give a reason.",
)
_HOLDS = "Yes, it is reasonable. “{excuse}” bears on what is asked of one by “{scenario}”, so it counts."
_HOLDS_NOT = "No, it is not reasonable. “{excuse}” does not change what is asked of one by “{scenario}”."

_VIRTUE_ASKED = (
    "Does the person in this scene show the following trait: {}? Explain.",
    "Would you describe what happens here with the word “{}”? Say why.",
)
_SHOWS = "Yes. What the person does here is an example of what “{trait}” means: {scenario}"
_SHOWS_NOT = "No. What the person does here is not what “{trait}” means: {scenario}"

_STORY_ASKED = (
    "What would be the right thing to do here, and why?",
    "Which action would you advise, and what speaks for it?",
    "How should one act in this situation? Give the reason, and say what to avoid.",
    "Weigh the choices in this situation: what is the right one, and what would follow from the wrong one?",
)
_STORY_FIELDS = (
    "norm",
    "situation",
    "intention",
    "moral_action",
    "moral_consequence",
    "immoral_action",
    "immoral_consequence",
)
_STORY_ANSWER = "{3} {4}\n\nThe reason: {0}\n\nThe wrong way would be this: {5} {6}"


def map_item(item: Record, options: Options) -> Row | Reject:
    """The question, the scenario as its context, and the worded judgement."""
    if not isinstance(item, dict):
        return Reject(Reason.NOT_AN_OBJECT, f"{type(item).__name__}: {item!r}"[:200])
    return _WORDED[options.schema](item, options)


def _commonsense(item: Record, options: Options) -> Row | Reject:
    labelled = _labelled(item, options.text)
    if isinstance(labelled, Reject):
        return labelled
    scenario, wrong = labelled
    quoted = f": “{scenario}”" if len(scenario) <= _QUOTED else "."
    judgement = _one_of(_WRONG if wrong else _NOT_WRONG, scenario)
    return Row(_one_of(_COMMONSENSE_ASKED, scenario), scenario, judgement + quoted)


def _justice(item: Record, options: Options) -> Row | Reject:
    labelled = _labelled(item, "scenario")
    if isinstance(labelled, Reject):
        return labelled
    scenario, fair = labelled
    clause = scenario.find(" because ")
    ground = scenario[clause + 1 :].rstrip(".") if clause > 0 else scenario
    return Row(_one_of(_JUSTICE_ASKED, scenario), scenario, (_FAIR if fair else _UNFAIR).format(_capital(ground)))


def _deontology(item: Record, options: Options) -> Row | Reject:
    labelled = _labelled(item, "scenario")
    if isinstance(labelled, Reject):
        return labelled
    scenario, holds = labelled
    excuse = _text(item, "excuse")
    if isinstance(excuse, Reject):
        return excuse
    output = (_HOLDS if holds else _HOLDS_NOT).format(excuse=excuse, scenario=scenario)
    return Row(_one_of(_DEONTOLOGY_ASKED, scenario), f"{scenario}\n{excuse}", output)


def _virtue(item: Record, options: Options) -> Row | Reject:
    labelled = _labelled(item, "scenario")
    if isinstance(labelled, Reject):
        return labelled
    text, shows = labelled
    scenario, _, trait = (part.strip() for part in text.partition("[SEP]"))
    if not scenario or not trait:
        return Reject(Reason.WRONG_TYPE, f"scenario is not 'scenario [SEP] trait': {text!r}"[:200])
    output = (_SHOWS if shows else _SHOWS_NOT).format(trait=trait, scenario=scenario)
    return Row(_one_of(_VIRTUE_ASKED, text).format(trait), scenario, output)


def _moral_story(item: Record, options: Options) -> Row | Reject:
    texts = []
    for name in _STORY_FIELDS:
        text = _text(item, name)
        if isinstance(text, Reject):
            return text
        texts.append(text)
    situation, intention = texts[1:3]
    return Row(_one_of(_STORY_ASKED, situation), f"{situation} {intention}", _STORY_ANSWER.format(*texts))


_WORDED: dict[Schema, Callable[[Record, Options], Row | Reject]] = {
    Schema.COMMONSENSE: _commonsense,
    Schema.JUSTICE: _justice,
    Schema.DEONTOLOGY: _deontology,
    Schema.VIRTUE: _virtue,
    Schema.MORAL_STORIES: _moral_story,
}


def _text(item: Record, name: str) -> str | Reject:
    """A text that has to be there: each is a part of the question or of the answer."""
    text = text_of(item, name)
    if text == "":
        return Reject(Reason.MISSING_FIELD, f"{name} is empty: {item!r}"[:200])
    return text


def _labelled(item: Record, name: str) -> tuple[str, bool] | Reject:
    text = _text(item, name)
    if isinstance(text, Reject):
        return text
    label = item.get("label")
    if label is None or label == -1:  # -1: a split whose labels are kept back
        return Reject(Reason.UNLABELLED, f"label is {label!r} for {text!r}"[:200])
    if type(label) is int or type(label) is str:  # true and 1.0 equal 1, but nobody publishes them
        if label in (0, "0"):
            return text, False
        if label in (1, "1"):
            return text, True
    return Reject(Reason.WRONG_TYPE, f"label is {label!r}, neither 0 nor 1"[:200])


def _one_of(wordings: tuple[str, ...], text: str) -> str:
    return wordings[crc32(text.encode("utf-8", "surrogatepass")) % len(wordings)]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


FAMILY = Family(Options, map_item)
