"""Which bucket a row belongs to by its text alone, where no category says so: rules to be read, in a fixed order.

The first rule that holds decides, so each stands before those that it would be mistaken for: a call of a tool is
JSON before it is code, a program that solves a sum is code before it is mathematics, an answer that only names a
choice is no reasoning. Words are looked up in sets, and only where one is found a pattern is searched: a row costs
some ten microseconds.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

from .rows.row import Row

VERSION = 1
"""Raised whenever a rule changes; stands in the manifests."""


class Bucket(StrEnum):
    """What mixes weigh as one kind of row; params.yaml, corpus_mixes.buckets has the same."""

    INSTRUCTION = "instruction"
    CODE = "code"
    COT_MATH = "cot_math"
    ANALYTICAL = "analytical"
    TOOL_USE = "tool_use"
    CREATIVE = "creative"
    FACTUAL = "factual"
    RED_TEAM = "red_team"


class _Seen(NamedTuple):
    """What rules look at."""

    row: Row
    asked: str
    """The instruction, in lower case; of a long one the beginning and the end, where the request stands."""
    words: frozenset[str]
    """Of `asked`, without punctuation."""
    answer: str
    """Its beginning."""


def bucket_of(row: Row) -> tuple[str, str]:
    """The bucket of a row, and the name of the rule that decided."""
    asked = row.instruction
    if len(asked) > 2 * _ASKED:
        asked = f"{asked[:_ASKED]}\n{asked[-_ASKED:]}"
    asked = asked.lower()
    seen = _Seen(row, asked, frozenset(asked.translate(_PUNCTUATION).split()), row.output[:_BEGINNING])
    for bucket, rule in _RULES:
        if name := rule(seen):
            return bucket, name
    return _INSTRUCTION, "conversation" if row.history else "other"


def _tool_use(seen: _Seen) -> str:
    row, answer = seen.row, seen.answer
    for text in (row.system, row.instruction[:_BEGINNING], row.input[:_BEGINNING]):
        if text and (('":' in text and _has(text, _SIGNATURES)) or (_has(text, _TOOLS) and _has(text, _OFFERS))):
            return "tools_in_prompt"
    if answer.startswith(("[{", "{")) and '"arguments"' in answer and '"name"' in answer:
        return "call_as_answer"
    marked = "<" in answer or '":' in answer or "API-Request:" in answer
    return "call_in_answer" if marked and _has(answer, _CALLS) else ""


def _choice(seen: _Seen) -> str:
    return "names_a_choice" if _names_choice(seen.row, seen.row.output) else ""


def _names_choice(row: Row, answer: str) -> bool:
    """Whether an answer is one of the lines of what was asked: `B) the Sun`."""
    return len(answer) <= _CHOICE and _LABEL.match(answer) is not None and f"\n{answer}" in row.instruction


def _code(seen: _Seen) -> str:
    row = seen.row
    for text in (seen.answer, row.input[:_BEGINNING], row.instruction[:_BEGINNING]):
        if "```" in text:
            return "code_fence"
        if text and _is_code(text):
            return "lines_of_code"
    asks = not seen.words.isdisjoint(_CODE_THINGS) and _CODE_ASKED.search(seen.asked)
    return "asks_for_code" if asks else ""


def _is_code(text: str) -> bool:
    return (
        text.startswith(_CODE_BEGINS)
        or ("\n" in text and _has(text, _CODE_LINES))
        or ("(" in text and _has(text, _CODE_CALLS))
        or ("<" in text and _has(text, _CODE_MARKUP))
        or "SELECT * FROM" in text
    )


def _red_team(seen: _Seen) -> str:
    if not seen.words.isdisjoint(_MORAL_WORDS) and _MORAL.search(seen.asked):
        return "moral_judgement"
    if _says_no(seen.answer[:_OPENING].replace("\u2019", "'")):
        return "declines"
    return "jailbreak" if _has(seen.asked, _JAILBREAK) else ""


def _says_no(opening: str) -> bool:
    """Whether a sentence or a part of one begins with "I can't" or the like: not "what I cannot do is ..."."""
    for found in _DECLINES.finditer(opening):
        before = opening[: found.start()].rstrip()
        if not before or before.endswith(_SENTENCE_ENDS):
            return True
    return False


def _creative(seen: _Seen) -> str:
    asks = not seen.words.isdisjoint(_STORIES) and _STORY.search(seen.asked)
    return "asks_for_story" if asks else ""


def _cot_math(seen: _Seen) -> str:
    asked, answer, output = seen.asked, seen.answer, seen.row.output
    if "\n####" in output or "\\boxed" in output:
        return "marked_answer"
    if ("$" in asked and _FORMULA.search(asked)) or "\\(" in asked or "\\[" in asked:
        return "formulas"
    numbers = len(_NUMBER.findall(asked))
    equations = len(_EQUATION.findall(answer)) if "=" in answer else 0
    if equations > 1 or (equations and numbers):
        return "equations"
    if numbers > 1 and not seen.row.input and _QUANTITY.search(asked) and _NUMBER.search(answer):
        return "word_problem"
    return "asks_for_mathematics" if not seen.words.isdisjoint(_SOLVE) and _MATHS.search(asked) else ""


def _programming(seen: _Seen) -> str:
    return "about_programming" if not seen.words.isdisjoint(_LANGUAGES) else ""


def _analytical(seen: _Seen) -> str:
    last = seen.row.output[-_CHOICE:].rpartition("\n")[2]
    if _names_choice(seen.row, last.removeprefix("Answer: ")):
        return "reasons_to_a_choice"
    if len(seen.answer) <= _VERDICT and seen.answer.strip(".").lower() in ("yes", "no", "true", "false"):
        return "yes_or_no"
    if not seen.words.isdisjoint(_WEIGH):
        return "weighs"
    explains = len(seen.answer) > _PARAGRAPH and not seen.row.history and seen.asked.startswith(_EXPLAIN)
    return "explains_at_length" if explains else ""


def _factual(seen: _Seen) -> str:
    row, asked, size = seen.row, seen.asked, len(seen.row.output)
    if row.history:
        return ""
    question = _QUESTION.match(asked) is not None
    # "cost of a bicycle chain": what people type into a search box.
    query = len(asked) < _QUERY and row.instruction[:1].islower() and not asked.endswith((".", ":", "!"))
    if not (question or query or asked.endswith("?")) or "are you" in asked:
        return ""
    if len(row.input) > _PASSAGE:
        return "answer_from_passage" if size <= _SENTENCES else ""
    if row.input:
        return ""
    if size <= _FEW:
        return "short_answer"
    plain = not row.system and len(asked) <= _QUESTION_LENGTH and size <= _PARAGRAPH and "\n" not in row.output
    return "question_answered" if plain and question and seen.words.isdisjoint(_PERSONAL) else ""


def _risky(seen: _Seen) -> str:
    return "risky_request" if not seen.words.isdisjoint(_RISKY) else ""


def _has(text: str, marks: tuple[str, ...]) -> bool:
    for mark in marks:  # noqa: SIM110 - any() over a generator costs three times as much
        if mark in text:
            return True
    return False


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_INSTRUCTION = Bucket.INSTRUCTION.value
# Characters that are looked at: of what is asked (as many from its end), of an answer or a passage, of its opening.
_ASKED, _BEGINNING, _OPENING = 600, 1200, 240
# Characters of an answer of a few words, of a sentence or two, and of a paragraph.
_FEW, _SENTENCES, _PARAGRAPH = 80, 250, 500
# Characters of the shortest passage, and of the longest search query, question about the world, choice, and yes or no.
_PASSAGE, _QUERY, _QUESTION_LENGTH, _CHOICE, _VERDICT = 120, 100, 160, 400, 6
_PUNCTUATION = str.maketrans(dict.fromkeys('.,;:!?"()[]{}`*\u201c\u201d\n', " ") | {"\u2019": "'"})

_SIGNATURES = ('"parameters"', '"api_call"', '"arguments"', '"api_name"')
_TOOLS = ("functions", "tools", "API", "'parameters'")
_OFFERS = (
    "API documentation", "<tools>", "following functions", "these functions:", "possible functions", "following tools",
    "'parameters':", "available functions", "available tools",
)  # fmt: skip
_CALLS = ('"api_call"', "<functioncall>", "<tool_call>", "<tool>", "<function=", '"tool_calls"', "API-Request:")

_CODE_BEGINS = (
    "def ", "class ", "import ", "#include", "#!/", "<?php", "package ", "public ", "SELECT ", "function ", "@",
    "<!DOCTYPE",
)  # fmt: skip
_CODE_LINES = (
    "\ndef ", "\nimport ", "\nclass ", "\n    return ", "\n        ", "();\n", ");\n", "):\n", "{\n  ", "\n#include",
)  # fmt: skip
_CODE_CALLS = ("input()", "print(", "console.log(", "=> {", "Traceback (most recent call", "Exception in thread")
# Not </div>: chats that were saved as pages are full of it.
_CODE_MARKUP = ("<code>", "</html>", "</head>", "</script>", "</form>", "#include <", "<?php")
# Not those that are words of other trades as well: go, rust, swift, react, flask, pandas, shell.
_LANGUAGES = _words(
    "python javascript typescript java c++ c# golang php kotlin haskell sql mysql postgresql html css numpy django"
    " regex powershell bash docker git node.js latex api"
)
_CODE_THINGS = _words("function functions script program code query regex expression algorithm one-liner snippet")
# A class may be of a school, a script of a play: a verb alone does not make them code.
_CODE_ASKED = re.compile(
    r"\b(?:write|create|implement|design|build|complete|fix|debug|refactor|optimi[sz]e|generate|develop|convert)"
    r"(?: me)? (?:a|an|the|this|some|your|following)(?: [\w+#.`-]+){0,4}"
    r" (?:function|program|query|regex|regular expression|code|algorithm|snippet|one-liner"
    r"|(?:bash|shell|python|sql) script)\b"
    r"|\b(?:function|program|script|code) (?:\w+ ){0,2}in (?:rust|go|swift|ruby|scala|perl|c|r|matlab|python|java)\b"
)

_MORAL_WORDS = _words("morally moral morality immoral wrong right act ethical unethical ethics ethically")
_MORAL = re.compile(
    r"\bmoral|\bethic|\bunethical|\b(?:right|wrong) thing to do\b|\bshould (?:one|i|you|we) act\b"
    r"|\bdo (?:something|anything) wrong\b|\b(?:is|was) (?:it|this|that) (?:\w+ )?wrong\b"
    r"|\b(?:clearly|obviously) wrong\b|\bthe right one\b"
)
# safety.declines is made for a red team's transcripts: "you shouldn't" in an answer is nothing of the kind elsewhere.
# Each way begins with a letter, which is looked for at the speed of memory.
_DECLINES = re.compile(
    r"I (?:can't|cannot|can not|won't|will not|(?:do not|don't) want to|would rather|couldn't|mustn't"
    r"|(?:do not|don't) think I|don't (?:have|know) (?:anybody|them|that)"
    r"|am (?:not able|unable|not comfortable|not going))\b"
    r"|I'(?:d rather|m (?:not able|unable|not comfortable|not going|sorry, (?:but )?(?:I|that)))\b"
)
_SENTENCE_ENDS = (".", ",", "!", "?", ";", ":", "but", "and")
_RISKY = _words(
    "kill murder murdering bomb bombs bombing explosive explosives weapon weapons meth cocaine heroin steal stealing"
    " stolen robbery hack hacking hacker phishing stalk stalking kidnap kidnapping rape raping poison poisoning torture"
    " terrorist terrorism shoplift shoplifting counterfeit launder blackmail suicide overdose malware ransomware racist"
    " slurs nazi nazis hitler porn pornography pirated propaganda bribe smuggle fake forge scam scams illegal illegally"
    " drug drugs fuck fucking shit bitch"
)
_JAILBREAK = (
    "ignore all previous", "ignore previous", "ignore your instructions", "ignore what was said", "without any rules",
    "no restrictions", "do anything now", "never refuses", "opposite day",
)  # fmt: skip

_STORIES = _words(
    "story stories tale poem haiku limerick sonnet fable song lyrics ballad screenplay monologue poetry verse"
    " fanfiction prompt wp"
)
_STORY = re.compile(
    r"[\[(](?:wp|sp|eu|cw|tt|pi|rf)[\])]|\bbedtime story\b|\bwriting prompt\b"
    r"|\b(?:write|tell|compose|create|continue|make|finish|give|develop|generate)\b[^.?!\n]{0,60}"
    r"\b(?:story|stories|tale|poem|haiku|limerick|sonnet|fable|song|lyrics|ballad|screenplay|monologue|poetry|verse"
    r"|fanfiction)\b"
)

_EQUATION = re.compile(r"= ?-?[$\\({\u20ac\u00a3]? ?\w")
_NUMBER = re.compile(r"\d[\d.,]*")
_FORMULA = re.compile(r"\$[^$\n]*[=^_\\][^$\n]*\$")
_QUANTITY = re.compile(
    r"\bhow (?:many|much|long|far|old|fast|tall|big|large)\b|\bwhat\b|\bfind\b|\bdetermine\b|\bby how\b"
)
_SOLVE = _words(
    "solve simplify evaluate compute calculate factor prove differentiate integrate find integer integers equation"
    " polynomial triangle probability remainder divisible"
)
_MATHS = re.compile(
    r"\b(?:solve|simplify|evaluate|compute|calculate|factor|prove|differentiate|integrate)\b[^.?!\n]{0,60}[\d=^]"
    r"|\bfind (?:the|all) (?:\w+ )?(?:value|sum|product|area|derivative|integral|probability|roots?|integers?|number)\b"
)

_LABEL = re.compile(r"\(?[A-Za-z1-9][).:] ?")
_WEIGH = _words(
    "compare contrast pros trade-off trade-offs tradeoffs critically analyze analyse assess assessment implications"
    " weigh entail entails hypothesis premise conclude infer inferred balanced disadvantages drawbacks"
)
_EXPLAIN = ("explain ", "why ", "please explain ", "can you explain ", "could you explain ")
_QUESTION = re.compile(
    r"(?:who|whom|whose|what|what's|when|where|which|why|how|is|are|was|were|does|do|did|can|in (?:what|which)|if"
    r"|name the)\b"
)
_PERSONAL = _words("i i'm i've i'd my me mine we our your")

_RULES = (
    (Bucket.TOOL_USE.value, _tool_use),
    (Bucket.ANALYTICAL.value, _choice),
    (Bucket.CODE.value, _code),
    (Bucket.RED_TEAM.value, _red_team),
    (Bucket.CREATIVE.value, _creative),
    (Bucket.COT_MATH.value, _cot_math),
    (Bucket.CODE.value, _programming),
    (Bucket.ANALYTICAL.value, _analytical),
    (Bucket.FACTUAL.value, _factual),
    (Bucket.RED_TEAM.value, _risky),
)
