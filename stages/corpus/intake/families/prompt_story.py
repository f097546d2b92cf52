"""Stories: with the prompt that they were written for (WritingPrompts), or alone (TinyStories).

- The tag of a prompt (`[WP]`, `[ EU ]`, ...) says on which kind of thread it stood and goes; `<newline>` is a
  line break. Tokens with spaces between them become text again (`spaced`).
- A story alone is asked for by its own first words: as many whole sentences of its first line as make 16 words
  (thousands begin "Once upon a time, there was a little girl named Lily."), or its first 30 words and "..." where
  those are more. So the instruction can be fulfilled, and is no constant.
- A story is never cut within a sentence: one longer than `longest` ends with the last whole sentence before.
- Which wording asks for a story depends on the prompt or the first words alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from zlib import crc32

from ...rows.row import Reason, Reject, Row
from ..family import Family, Record, completed, text_of
from ..spacing import respaced


@dataclass(frozen=True)
class Options:
    """Names of the fields; `prompt` empty: a story alone. `longest` in characters, 0: any length."""

    prompt: str = "prompt"
    story: str = "story"
    spaced: bool = False
    longest: int = 0


_ASKED = (
    "Write a story for this prompt: {}",
    "Here is a writing prompt. Write the story that it asks for.\n\n{}",
    "Tell a story that starts from this idea:\n\n{}",
    "{}\n\nWrite a short story about this.",
)
_ASKED_ALONE = (
    "Tell a short story for young children that begins like this: “{}”",
    "Write a simple story, in words that a small child knows. It begins: “{}”",
    "Continue this into a whole story for little children: “{}”",
    "A bedtime story begins with “{}” Tell all of it.",
)
_TAG = re.compile(
    r"\s*[\[{(]\s*(?:WP|SP|EU|CW|TT|PI|OT|PM|MP|IP|RF|CC|FF|TH|DC|HP)\s*[\])}]\s*[:\-]?\s*", re.IGNORECASE
)
_GONE = frozenset(("[deleted]", "[removed]", "[ deleted ]", "[ removed ]"))
_SENTENCE_END = re.compile(r"[.!?\u2026][\"'\u201d\u2019)]*(?=\s|$)")
_ENOUGH_WORDS = 16
_MOST_WORDS = 30
_END_OF_TEXT = "<|endoftext|>"


def map_item(item: Record, options: Options) -> Row | Reject:
    """The story, asked for by its prompt or by its first words."""
    if not isinstance(item, dict):
        return Reject(Reason.NOT_AN_OBJECT, f"{type(item).__name__}: {item!r}"[:200])
    story = text_of(item, options.story)
    if isinstance(story, Reject):
        return story
    if story in _GONE:
        return Reject(Reason.DELETED, f"the story is {story!r}")
    story = _clean(story, options)
    if not options.prompt:
        return _alone(story, options)
    prompt = text_of(item, options.prompt)
    if isinstance(prompt, Reject):
        return prompt
    prompt = _clean(_untagged(prompt), options)
    if prompt in _GONE:
        return Reject(Reason.DELETED, f"the prompt is {prompt!r}")
    row = completed(Row(prompt, "", story))
    if isinstance(row, Reject):
        return row
    return Row(_asked(_ASKED, prompt), "", _whole_sentences(story, options.longest))


def _alone(story: str, options: Options) -> Row | Reject:
    if not story:
        return Reject(Reason.EMPTY_OUTPUT, f"{options.story} is empty")
    return Row(_asked(_ASKED_ALONE, _first_words(story)), "", _whole_sentences(story, options.longest))


def _clean(text: str, options: Options) -> str:
    if options.spaced:
        text = respaced(text)
    if "<" in text:
        text = text.replace(_END_OF_TEXT, "")
        if "<newline>" in text:
            text = "\n".join(map(str.strip, text.split("<newline>")))
    return text.strip()


def _untagged(prompt: str) -> str:
    """The prompt without the tags at its head; people also put them at the end."""
    if "[" not in prompt and "{" not in prompt and "(" not in prompt:
        return prompt
    while tag := _TAG.match(prompt):
        prompt = prompt[tag.end() :]
    for tag in _TAG.finditer(prompt):
        if tag.end() == len(prompt):
            return prompt[: tag.start()]
    return prompt


def _first_words(story: str) -> str:
    line = story.partition("\n")[0].rstrip()
    opening = line
    for end in _SENTENCE_END.finditer(line):
        opening = line[: end.end()]
        if opening.count(" ") + 1 >= _ENOUGH_WORDS:
            break
    words = opening.split()
    return opening if len(words) <= _MOST_WORDS else f"{' '.join(words[:_MOST_WORDS])}..."


def _whole_sentences(story: str, longest: int) -> str:
    if not longest or len(story) <= longest:
        return story
    last = 0
    for end in _SENTENCE_END.finditer(story):
        if end.end() > longest:
            break
        last = end.end()
    return story[:last] if last else story


def _asked(wordings: tuple[str, ...], text: str) -> str:
    return wordings[crc32(text.encode("utf-8", "surrogatepass")) % len(wordings)].format(text)


FAMILY = Family(Options, map_item)
