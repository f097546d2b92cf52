"""Problems of programming contests and a program that solves each.

Reads two schemas; `Options.schema` says which.
- apps: `question`, `solutions` (a JSON list in a string, or empty) and `starter_code`, which the program has to
  begin with. All solutions are Python, some of them Python 2.
- code_contests: `description`, and `solutions` as {language: [number], solution: [text]}; `incorrect_solutions`
  of the same form are never read.

Rules: the answer is the first correct solution in the wanted language; what is said to be Python 3 without a
label has to parse as such. The problem is kept whole, and the language is asked for behind it.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import orjson

from ...rows.row import Reason, Reject, Row
from ..family import Family, Record, completed, shown, text_of


class Schema(StrEnum):
    """As whom a source publishes."""

    APPS = "apps"
    CODE_CONTESTS = "code_contests"


class Language(StrEnum):
    """What a solution is written in."""

    PYTHON = "python"
    CPP = "cpp"
    PYTHON3 = "python3"
    JAVA = "java"


@dataclass(frozen=True)
class Options:
    """What differs among the sources."""

    schema: Schema = Schema.APPS
    language: Language = Language.PYTHON3


def map_item(item: Record, options: Options) -> Row | Reject:
    """The row that a solved problem is, or why it is none."""
    if not isinstance(item, dict):
        return Reject(Reason.NOT_AN_OBJECT, f"a record is {type(item).__name__}")
    return _MAPPERS[options.schema](item, options.language)


def _apps(item: Record, language: Language) -> Row | Reject:
    question = text_of(item, "question")
    if isinstance(question, Reject):
        return question
    packed = text_of(item, "solutions")
    if isinstance(packed, Reject):
        return packed
    starter: str | Reject = text_of(item, "starter_code") if "starter_code" in item else ""
    if isinstance(starter, Reject):
        return starter
    if not packed:
        return Reject(Reason.EMPTY_OUTPUT, f"no solutions of {question!r}"[:200])
    try:
        solutions = orjson.loads(packed)
    except orjson.JSONDecodeError as error:
        return Reject(Reason.NOT_JSON, f"solutions: {error}: {packed!r}"[:200])
    if not isinstance(solutions, list) or not all(isinstance(each, str) for each in solutions):
        return Reject(Reason.WRONG_TYPE, f"solutions is no list of texts: {packed!r}"[:200])
    if language is Language.PYTHON3:
        for solution in solutions:
            if solution.strip() and _is_python3(solution):
                return _row(question, starter, solution, language)
    shown = solutions[0] if solutions else "none"
    return Reject(Reason.NO_SOLUTION_IN_LANGUAGE, f"none of {len(solutions)} is {language}: {shown!r}"[:200])


def _is_python3(program: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # escapes that Python will one day refuse
            ast.parse(program)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _code_contests(item: Record, language: Language) -> Row | Reject:
    description = text_of(item, "description")
    if isinstance(description, Reject):
        return description
    solutions = item.get("solutions")
    if not isinstance(solutions, dict):
        return Reject(Reason.WRONG_TYPE, f"solutions is {type(solutions).__name__}: {shown(solutions)}"[:200])
    languages, programs = solutions.get("language"), solutions.get("solution")
    if not isinstance(languages, list) or not isinstance(programs, list) or len(languages) != len(programs):
        return Reject(Reason.WRONG_TYPE, f"solutions is no language for each solution: {shown(solutions)}"[:200])
    wanted = _NUMBERS[language]
    for number, program in zip(languages, programs, strict=True):
        if number == wanted and isinstance(program, str) and program.strip():
            return _row(description, "", program, language)
    return Reject(Reason.NO_SOLUTION_IN_LANGUAGE, f"none in {language}, but in {shown(languages)}"[:200])


def _row(problem: str, starter: str, program: str, language: Language) -> Row | Reject:
    if not problem:
        return Reject(Reason.EMPTY_INSTRUCTION, f"no problem for {program!r}"[:200])
    asked = f"{problem}\n\nWrite a program in {_SPOKEN[language]} that solves this."
    if starter:
        asked = f"{problem}\n\nWrite it in {_SPOKEN[language]} and begin with the given code."
    return completed(Row(asked, starter, program.strip()))


_SPOKEN = {
    Language.PYTHON: "Python 2",
    Language.CPP: "C++",
    Language.PYTHON3: "Python 3",
    Language.JAVA: "Java",
}
_NUMBERS = {Language.PYTHON: 1, Language.CPP: 2, Language.PYTHON3: 3, Language.JAVA: 4}
"""How code_contests numbers the languages; 0 is unknown."""
_MAPPERS: dict[Schema, Callable[[Record, Language], Row | Reject]] = {
    Schema.APPS: _apps,
    Schema.CODE_CONTESTS: _code_contests,
}

FAMILY = Family(Options, map_item)
