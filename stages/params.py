"""params.yaml, the only home of knobs: one section per stage, read into a frozen dataclass."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, TypeVar, cast

from .errors import UserError

Section = TypeVar("Section")


def load(kind: type[Section], section: str, path: Path) -> Section:
    """The parameters of `section` as a `kind`, which is a frozen dataclass without defaults.

    A part of a section is named with a dot: `lamp_responses.anthropic`.
    Raises UserError listing every unknown, missing or wrongly typed key at once.
    """
    import pydantic  # costs 0.1 s, which `--help` need not pay

    config = pydantic.ConfigDict(extra="forbid", strict=True)
    strict = pydantic.dataclasses.dataclass(kind, frozen=True, config=config)
    checked = _validated(strict, section, path)
    # As an instance of the class itself, which other processes know, and not of pydantic's double of it.
    return kind(**{field.name: getattr(checked, field.name) for field in dataclasses.fields(cast(Any, kind))})


def value(kind: type[Section], key: str, path: Path) -> Section:
    """One value that another stage's section holds and this one goes by too: `corpus_sources.sources`.

    kind: its type, such as tuple[str, ...]. Raises UserError as `load` does.
    """
    return cast(Section, _validated(kind, key, path))


def _validated(kind: Any, key: str, path: Path) -> Any:
    import pydantic

    try:
        return pydantic.TypeAdapter(kind).validate_json(_as_json(_section(key, path)), strict=True)
    except pydantic.ValidationError as error:
        faults = "; ".join(_fault(detail) for detail in error.errors())
        raise UserError(f"{path}, section {key}: {faults}. Correct the file or the -S option") from None


def _as_json(value: Any) -> str:
    # Through JSON, so that strict checking lets a YAML list stand for a tuple.
    import json

    return json.dumps(value, default=repr)


def _section(section: str, path: Path) -> Any:
    import yaml

    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        _as_json(values)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run from the repository root or pass --params") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not YAML: {' '.join(str(error).split())}; correct the file") from None
    except (ValueError, TypeError, IndexError, RecursionError) as error:
        raise UserError(f"{path}: holds a value that is no knob ({error}); correct the file") from None
    for name in section.split("."):
        if not isinstance(values, dict) or name not in values:
            raise UserError(f"{path}: no section {section!r}; restore it (git checkout {path.name})")
        values = values[name]
    return values


def _fault(detail: Any) -> str:
    key = ".".join(str(part) for part in detail["loc"]) or "(section)"
    if detail["type"] == "missing":
        return f"{key} is missing"
    if detail["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"{key} is unknown"
    return f"{key}: {detail['msg'].lower()}, got {detail['input']!r}"
