"""Source code: a function from its documentation, or the rest of a file from its beginning.

Reads two schemas; `Options.schema` says which.
- documented (CodeSearchNet): `func_name`, `func_documentation_string` and `func_code_string`, one function.
- file (The Stack, StarCoder): `content`, a file of Python. StarCoder's may begin with a line of marks,
  `<reponame>owner/name<filename>a.py<gh_stars>10-100`, which goes.

Rules: the documentation is the input and the function the answer, with the docstring that it has. A file is cut
where its last function at top level that has something before it begins, so that both sides are whole: what
comes before is the input, the function and all behind it the answer. A file that Python 3 cannot parse, or that
has no such function, is rejected. Line ends become line feeds.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from ...rows.row import Reason, Reject, Row
from ..family import Family, Record, completed, text_of


class Schema(StrEnum):
    """What a record holds."""

    DOCUMENTED = "documented"
    FILE = "file"


@dataclass(frozen=True)
class Options:
    """What differs among the sources."""

    schema: Schema = Schema.DOCUMENTED


def map_item(item: Record, options: Options) -> Row | Reject:
    """The row that a function or a file is, or why it is none."""
    if not isinstance(item, dict):
        return Reject(Reason.NOT_AN_OBJECT, f"a record is {type(item).__name__}")
    return _MAPPERS[options.schema](item)


def _documented(item: Record) -> Row | Reject:
    documentation = text_of(item, "func_documentation_string")
    if isinstance(documentation, Reject):
        return documentation
    code = text_of(item, "func_code_string")
    if isinstance(code, Reject):
        return code
    name = text_of(item, "func_name")
    if isinstance(name, Reject):
        return name
    language = text_of(item, "language")
    if isinstance(language, Reject):
        return language
    if not documentation:
        return Reject(Reason.NO_DOCUMENTATION, f"{name} says nothing of itself")
    spoken = _LANGUAGES.get(language, language)
    return completed(Row(f"Write the {spoken} function `{name}` from its documentation.", documentation, code))


def _file(item: Record) -> Row | Reject:
    content = text_of(item, "content")
    if isinstance(content, Reject):
        return content
    if content.startswith("<"):
        content = _MARKS.sub("", content, count=1)
    content = content.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if not content.strip():
        return Reject(Reason.EMPTY_OUTPUT, "the file is empty")
    if "\ndef " not in content and "\nasync def " not in content:
        return Reject(
            Reason.NOT_SPLITTABLE, f"no function at top level with something before it: {content[:120]!r}"[:200]
        )
    cut = _last_function(content)
    if isinstance(cut, Reject):
        return cut
    name, line = cut
    lines = content.split("\n")
    before, rest = "\n".join(lines[:line]).strip(), "\n".join(lines[line:]).strip()
    return completed(Row(f"Complete this Python file, beginning with the function `{name}`.", before, rest))


def _last_function(content: str) -> tuple[str, int] | Reject:
    """The last function at top level that has something before it, and how many lines that is."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # escapes that Python will one day refuse
            body = ast.parse(content).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return Reject(Reason.NOT_SPLITTABLE, f"not Python 3 ({error}): {content[:120]!r}"[:200])
    for number, node in reversed(list(enumerate(body))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            line = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            if number:
                return node.name, line - 1
    return Reject(Reason.NOT_SPLITTABLE, f"no function at top level with something before it: {content[:120]!r}"[:200])


_LANGUAGES = {"python": "Python", "java": "Java", "javascript": "JavaScript", "go": "Go", "php": "PHP", "ruby": "Ruby"}
_MARKS = re.compile(r"(?:<(?:reponame|filename|gh_stars)>[^<\n]*)+\n?")
_MAPPERS: dict[Schema, Callable[[Record], Row | Reject]] = {Schema.DOCUMENTED: _documented, Schema.FILE: _file}

FAMILY = Family(Options, map_item)
