"""What kinds of rows a file holds, and the file split by them: `lampforge corpus analyze`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ..errors import UserError, reports_user_errors

if TYPE_CHECKING:
    from .recognising import Schema

MANIFEST = "manifest.json"
_SHARD_BYTES = 16 << 20
"""Small, so that the progress bar moves: a core reads, classifies and writes some 20 MB in a second."""
_BAR = 24


class Input(NamedTuple):
    """A file that is analysed, and how it is read."""

    file: Path
    schema: Schema
    columns: tuple[str, ...]


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--out", type=click.Path(path_type=Path), help="Write the parts here, one for each bucket.")
@click.option("--family", metavar="NAME", help="The schema family of the rows; else it is found out.")
@click.option("--option", "options", multiple=True, metavar="NAME=VALUE", help="Of the family; repeat it.")
@click.option("--columns", metavar="NAME,...", default="", help="Of a CSV file without a header.")
@click.option("--entries", type=click.Path(path_type=Path), default="data/seed/corpus/sources", show_default=True)
@click.option("--params", "params_path", type=click.Path(path_type=Path), default="params.yaml", show_default=True)
@reports_user_errors
def analyze(files: tuple[Path, ...], out: Path | None, params_path: Path, **reading: Any) -> None:
    """Sort the rows of files by what they teach: how many there are of each bucket, and with --out, the parts.

    Reads JSON Lines, JSON, CSV and Parquet, the text ones also as .gz or .zst. Rows of our own form go by their
    _category (corpus_mixes.buckets in params.yaml), others by their text. OUT gets BUCKET.jsonl with the rows as they
    were, rejects.jsonl with what is no row and why, and manifest.json. An interrupted run goes on where it was.

    \b
    lampforge corpus analyze rows.jsonl
    lampforge corpus analyze rows.jsonl.zst --out parts/
    lampforge corpus analyze test.csv --columns question,a,b,c,d,answer --family mcq --option columns=a,b,c,d
    """
    _check(files, out)
    inputs = _inputs(files, **reading)
    owner = _owner(inputs, params_path)
    if out is None:
        with TemporaryDirectory() as folder:
            manifest = _analyzed(inputs, owner, Path(folder), None)
    else:
        manifest = _split(inputs, owner, out)
    _show(manifest, out)


def _check(files: Sequence[Path], out: Path | None) -> None:
    """Raises UserError for files that are missing or given twice, and for an OUT that would take others with it."""
    for file in files:
        if not file.exists():
            raise UserError(f"{file}: no such file; correct the path")
    if len({file.resolve() for file in files}) < len(files):
        raise UserError(f"{', '.join(map(str, files))}: a file is named twice; name it once")
    if out is None:
        return
    if not out.resolve().name:
        raise UserError(f"--out {out}: name a folder that is made for the parts")
    if out.exists() and not out.is_dir():
        raise UserError(f"--out {out}: is a file; name a folder")
    if out.is_dir() and any(out.iterdir()) and not _is_ours(out):
        raise UserError(f"--out {out}: holds other files, which would be lost; name a new folder")
    for file in files:
        if file.resolve().is_relative_to(out.resolve()):
            raise UserError(f"--out {out}: {file} is in it and would be lost; name another folder")


def _is_ours(folder: Path) -> bool:
    """Whether a folder holds the parts of an earlier run, and nothing else."""
    import orjson

    from .splitting import REJECTS

    try:
        buckets = orjson.loads((folder / MANIFEST).read_bytes())["buckets"]
        written = {MANIFEST, REJECTS, *(f"{name}.jsonl" for name in buckets)}
    except (OSError, orjson.JSONDecodeError, TypeError, KeyError):
        return False
    return {path.name for path in folder.iterdir()} <= written


def _inputs(
    files: Sequence[Path], family: str | None, options: tuple[str, ...], columns: str, entries: Path
) -> list[Input]:
    from . import recognising

    names = tuple(filter(None, columns.split(",")))
    if family is None and options:
        raise UserError(f"--option {options[0]}: of which family? add --family NAME")
    known = recognising.named(family, options) if family is not None else None
    return [Input(file, known or recognising.recognised(file, names, entries), names) for file in files]


def _owner(inputs: Sequence[Input], params_path: Path) -> dict[str, str]:
    """The bucket of each category; params.yaml is only asked where rows may state theirs."""
    from .. import params
    from . import canonical
    from .mixture import Bucket

    if not any(each.schema.family == canonical.NAME for each in inputs):
        return {}
    buckets = params.value(dict[str, Bucket], "corpus_mixes.buckets", params_path)
    return {category: name for name, bucket in buckets.items() for category in bucket.categories}


def _split(inputs: Sequence[Input], owner: dict[str, str], out: Path) -> dict[str, Any]:
    """Split the inputs into the folder, whole or not at all."""
    from .rows import tasks

    named = [(str(each.schema), each.columns) for each in inputs]
    fingerprint = tasks.fingerprint_of([each.file for each in inputs], named, sorted(owner.items()))
    with tasks.workplace(out.resolve(), fingerprint) as place:
        return _analyzed(inputs, owner, place, place / "out")


def _analyzed(inputs: Sequence[Input], owner: dict[str, str], place: Path, out: Path | None) -> dict[str, Any]:
    """The manifest of the inputs' rows. place: for the receipts and pieces. out: where the parts go, None: nowhere."""
    from .. import files
    from . import splitting
    from .rows import tasks

    pieces = place / "pieces" if out else None
    if pieces:
        pieces.mkdir(exist_ok=True)
    calls, origin = _calls(inputs, owner, pieces)
    found = tasks.run(calls, place / "receipts", "local", "split")
    counts = [count | {"input": number} for count, number in zip(found, origin, strict=True)]
    hashes = tasks.run(_hashing(inputs), place / "receipts", "local", "hash")
    total = splitting.summed(counts)
    written = splitting.combined(pieces, out, total["buckets"], counts) if pieces and out else {}
    described = [
        _described(each, digest, splitting.summed([count for count in counts if count["input"] == number]))
        for number, (each, digest) in enumerate(zip(inputs, hashes, strict=True))
    ]
    manifest = _manifest(total, described, written)
    if out:
        files.write_json(out / MANIFEST, {name: value for name, value in manifest.items() if name != "examples"})
    return manifest


def _calls(inputs: Sequence[Input], owner: dict[str, str], pieces: Path | None) -> tuple[list[Any], list[int]]:
    """The tasks of all shards, and which input each is of."""
    from . import splitting
    from .intake import reading
    from .recognising import KNOWN
    from .rows import tasks

    shards = [
        (number, each, shard)
        for number, each in enumerate(inputs)
        for shard in reading.shards([each.file], KNOWN[each.schema.family].whole_files, _SHARD_BYTES)
    ]
    calls = []
    for place, (_, each, shard) in enumerate(shards):
        job = splitting.Job(each.schema, each.columns, owner, pieces, watched=len(shards) == 1)
        calls.append(tasks.Task(f"{place:05}", splitting.split, (job, place, shard)))
    return calls, [number for number, _, _ in shards]


def _hashing(inputs: Sequence[Input]) -> list[Any]:
    from . import splitting
    from .rows import tasks

    return [tasks.Task(f"hash-{number:05}", splitting.sha256, (each.file,)) for number, each in enumerate(inputs)]


def _described(each: Input, digest: str, own: dict[str, Any]) -> dict[str, Any]:
    """Where rows came from: the file, what it was read as, and what became of its records."""
    return {
        "file": each.file.name,
        "sha256": digest,
        "bytes": each.file.stat().st_size,
        "read_as": str(each.schema),
        "records": own["records"],
        "rows": own["rows"],
        "rejected": own["rejected"],
        "buckets": {name: part["rows"] for name, part in own["buckets"].items()},
    }


def _manifest(total: dict[str, Any], inputs: list[dict[str, Any]], hashes: dict[str, str]) -> dict[str, Any]:
    """What was found, in integers and shares in per cent; buckets without rows are in it as well."""
    from .buckets import VERSION, Bucket

    empty = {"rows": 0, "bytes": 0, "rules": {}}
    parts = {}
    for name in dict.fromkeys([*(bucket.value for bucket in Bucket), *total["buckets"]]):
        part = total["buckets"].get(name, empty)
        percent = round(100 * part["rows"] / total["rows"], 3) if total["rows"] else 0.0
        file = {"file": f"{name}.jsonl", "sha256": hashes[name]} if name in hashes else {}
        parts[name] = {"rows": part["rows"], "percent": percent, "bytes": part["bytes"], **file, "rules": part["rules"]}
    return {
        "rules_version": VERSION,
        "records": total["records"],
        "rows": total["rows"],
        "bytes": sum(part["bytes"] for part in parts.values()),
        "buckets": parts,
        "rejected": total["rejected"],
        "inputs": inputs,
        "examples": total["examples"],
    }


def _show(manifest: dict[str, Any], out: Path | None) -> None:
    from rich.table import Table
    from rich.text import Text

    from .terminal import console, plain

    screen = console()
    for each in manifest["inputs"]:
        screen.print(Text(plain(f"{each['file']}: {each['rows']:,} rows, read as {each['read_as']}")))
    table = Table("bucket", "rows", "share", "", "MB", "decided by", box=None, pad_edge=False, header_style="bold")
    for column in (1, 2, 4):
        table.columns[column].justify = "right"
    table.columns[3].no_wrap = True
    for name, part in manifest["buckets"].items():
        rules = ", ".join(f"{rule} {count:,}" for rule, count in list(part["rules"].items())[:3])
        share = part["percent"]
        table.add_row(
            name, f"{part['rows']:,}", f"{share:.1f} %", bar(share), f"{part['bytes'] / 1e6:,.1f}", Text(rules, "dim")
        )
    screen.print(table)
    for line in _about_rejects(manifest, plain):
        screen.print(Text(line, "dim"))
    if out is not None:
        screen.print(Text(plain(f"{out}: {manifest['rows']:,} rows in parts, and {MANIFEST}")))


def _about_rejects(manifest: dict[str, Any], plain: Callable[[str], str]) -> list[str]:
    rejected = manifest["rejected"]
    if not rejected:
        return []
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in rejected.items())
    lines = [f"{sum(rejected.values()):,} of {manifest['records']:,} records are no rows: {reasons}"]
    return lines + [f"  {plain(examples[0])}" for examples in manifest["examples"].values()]


def bar(percent: float) -> str:
    """A share as a bar; one that is not zero is never empty."""
    eighths = min(8 * _BAR, max(round(percent / 100 * 8 * _BAR), 1 if percent else 0))
    return "█" * (eighths // 8) + (" ▏▎▍▌▋▊▉"[eighths % 8]).strip()
