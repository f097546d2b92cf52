"""Questions about a text: squad in both its forms, and ms_marco and hotpot_qa, which are like it.

What is read (the names are options)
    question    text
    context     the text, or an object of parallel lists: the passages, each a text or a list of sentences,
                and their titles; is_selected, url and whatever else it holds is no text to read
    answers     {"text": [...], "answer_start": [...]}, a list of {"text", "answer_start"}, a list of texts, or a text.
                Where people answered the same question several times, the first answer that is not empty stands.
    preferred   a list of answers in whole sentences, which go before `answers` where there are some
    supporting  {"title": [...], "sent_id": [...]}: the sentences of the context that the answer rests on
The nested form, {"data": [{"paragraphs": [{"context", "qas": [...]}]}]}, is taken apart into its questions, whether
a record is the whole file, an article or a paragraph.

The row
    instruction    the question
    input          the text; passages are kept all, in their order, with their titles, a blank line between two
    output         the answer, and where the source names the sentences it rests on, a blank line and
                   `The text says: ` with these. What the text does not answer (no answers, `is_impossible`, or what
                   the source says instead) is not dropped: `This is not answerable from the text.`
The title of a SQuAD article is a file name ("Warsaw_Pact"), no text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ...rows.row import Reason, Reject, Row
from ..family import Family, Item, Record, completed, text_of

NOT_ANSWERABLE = "This is not answerable from the text."
RESTS_ON = "The text says: "


@dataclass(frozen=True)
class Options:
    """Where a source keeps what."""

    question: str = "question"
    context: str = "context"
    passages: str = ""
    """The list of the passages in the context, where that is an object."""
    titles: str = ""
    """The list of their titles, where they have some."""
    answers: str = "answers"
    preferred: str = ""
    supporting: str = ""
    says_none: str = ""
    """The answer that says that there is none. Then an empty list does not say so: it is an answer kept secret."""


def items(records: Iterable[Record], options: Options) -> Iterator[Item]:
    """The questions in the records; what is not nested, or not as it should be, goes on as it is."""
    del options  # the nested form has one set of names
    for record in records:
        yield from _unfolded(record, ("data", "paragraphs", "qas"))


def map_item(item: Item, options: Options) -> Row | Reject:
    """The row of a question about a text."""
    try:
        return _row(item, options)
    except RecursionError:  # Python does not show lists nested about 1,000 deep
        return Reject(Reason.WRONG_TYPE, "nested too deep to be shown")


def _row(item: Item, options: Options) -> Row | Reject:
    if not isinstance(item, dict):
        return Reject(Reason.NOT_AN_OBJECT, f"{type(item).__name__}: {item!r}"[:200])
    question = text_of(item, options.question)
    if isinstance(question, Reject):
        return question
    if not question:
        return Reject(Reason.EMPTY_INSTRUCTION, f"{options.question} is {item[options.question]!r}"[:200])
    context = item.get(options.context)
    text = context.strip() if isinstance(context, str) else _passages(item, options)
    if isinstance(text, Reject):
        return text
    if not text:
        return Reject(Reason.MISSING_FIELD, f"{options.context} is empty, and {question!r} asks about it"[:200])
    answer = _answer(item, options)
    if isinstance(answer, Reject):
        return answer
    if options.supporting and answer is not NOT_ANSWERABLE:
        quoted = _quoted(item, options)
        if isinstance(quoted, Reject):
            return quoted
        answer += quoted
    return completed(Row(question, text, answer))


def _unfolded(record: Item, nested: tuple[str, ...]) -> Iterator[Item]:
    if not isinstance(record, dict):
        yield record
        return
    for depth, name in enumerate(nested):
        inner = record.get(name)
        if isinstance(inner, list):
            for part in inner:
                if name != "qas":
                    yield from _unfolded(part, nested[depth + 1 :])
                elif isinstance(part, dict):
                    yield {**part, "context": record.get("context")}
                else:
                    yield part
            return
    yield record


def _passages(record: Record, options: Options) -> str | Reject:
    # The text of a context that is no text but an object of lists.
    context = record.get(options.context)
    if options.context not in record:
        return Reject(Reason.MISSING_FIELD, f"no {options.context}; it has {', '.join(map(str, record))}"[:200])
    passages = context.get(options.passages) if isinstance(context, dict) else None
    if not isinstance(context, dict) or not isinstance(passages, list):
        return Reject(Reason.WRONG_TYPE, f"{options.context} holds no text: {context!r}"[:200])
    try:
        # of all that JSON holds, only text can be stripped; published sentences bring their spaces
        texts = ["".join(text).strip() if isinstance(text, list) else text.strip() for text in passages]
        if options.titles:
            titles = context[options.titles]
            texts = [f"{title.strip()}\n{text}".strip() for title, text in zip(titles, texts, strict=True)]
    except (AttributeError, KeyError, TypeError, ValueError):
        return Reject(Reason.WRONG_TYPE, f"{options.context} is not lists of texts: {context!r}"[:200])
    return "\n\n".join([text for text in texts if text])


def _answer(record: Record, options: Options) -> str | Reject:
    if record.get("is_impossible") is True:
        return NOT_ANSWERABLE
    if options.answers not in record:
        return Reject(Reason.MISSING_FIELD, f"no {options.answers}; it has {', '.join(map(str, record))}"[:200])
    # The preferred ones are a list, or in the older files the text "[]".
    preferred = record.get(options.preferred) if options.preferred else None
    value = record[options.answers]
    texts = _texts(value)
    if texts is None:
        return Reject(Reason.WRONG_TYPE, f"{options.answers} holds no text: {value!r}"[:200])
    if not texts and not options.says_none:
        return NOT_ANSWERABLE
    for text in [*preferred, *texts] if isinstance(preferred, list) else texts:
        if isinstance(text, str) and (text := text.strip()):
            return NOT_ANSWERABLE if text == options.says_none else text
    return Reject(Reason.EMPTY_OUTPUT, f"{options.answers} is {value!r}"[:200])


def _texts(answers: Any) -> list[Any] | None:
    # The answers in whichever form they are published; None: they are in none of them.
    if isinstance(answers, str):
        return [answers]
    texts = answers.get("text") if isinstance(answers, dict) else answers
    if not isinstance(texts, list):
        return None
    texts = [text.get("text") if isinstance(text, dict) else text for text in texts]
    return texts if all([isinstance(text, str) for text in texts]) else None


def _quoted(record: Record, options: Options) -> str | Reject:
    # What is put after the answer. A few published numbers point past the end of their passage: these say nothing.
    if options.supporting not in record:
        return Reject(Reason.MISSING_FIELD, f"no {options.supporting}; it has {', '.join(map(str, record))}"[:200])
    facts = record[options.supporting]
    if not isinstance(facts, dict):
        return Reject(Reason.WRONG_TYPE, f"{options.supporting} is {type(facts).__name__}: {facts!r}"[:200])
    context = record[options.context]
    try:
        passages = dict(zip(context[options.titles], context[options.passages], strict=True))
        sentences = [
            passages[title][number].strip()
            for title, number in zip(facts["title"], facts["sent_id"], strict=True)
            if isinstance(passages.get(title), list) and 0 <= number < len(passages[title])
        ]
    except (AttributeError, KeyError, TypeError, ValueError):
        return Reject(Reason.WRONG_TYPE, f"{options.supporting} names no sentences: {facts!r}"[:200])
    return f"\n\n{RESTS_ON}{' '.join(sentences)}" if any(sentences) else ""


FAMILY = Family(Options, map_item, items)
