"""The stage corpus_audit: figures, pictures, page and exit code, on small corpora that are made up here."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import matplotlib
import pytest
import yaml
from click.testing import CliRunner, Result

from stages import corpus_audit, params
from stages.corpus import audit_targets
from stages.corpus.rows.row import Row
from stages.corpus.rows.source import Category
from tests.corpus import audited

KNOBS: dict[str, Any] = {
    "fault": "warn", "tokenizer": None, "sample": 1000, "largest_percent": 80, "least_categories": 2,
    "average_tokens": {"low": 1, "high": 1000},
    "bands": {
        "code": {"categories": ["code"], "low": 60, "high": 70},
        "creative": {"categories": ["creative"], "low": 30, "high": 40},
    },
}  # fmt: skip


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Two thirds code, one third creative; a duplicate, a screened row, a contaminated one, two rejects."""
    sources = tmp_path / "sources"
    code = [audited.row(number) for number in range(10)]
    audited.add(sources, "first", "code", 1, code, ["echo", "contaminated:gsm8k"], {"empty_output": 2})
    audited.add(sources, "second", "creative", 2, [*(audited.row(number) for number in range(20, 24)), code[5]])
    audited.add(sources, "gone", "code", 3, [], unavailable="the hub asks for a token")
    audited.merge(tmp_path)
    return tmp_path


def run(folder: Path, **knobs: Any) -> Result:
    (folder / "params.yaml").write_text(yaml.safe_dump({"corpus_audit": {**KNOBS, **knobs}}))
    names = {
        "sources": "sources", "merged": "merged", "out": "made/out", "metrics": "made/metrics.json",
        "plots": "made/plots", "params": "params.yaml",
    }  # fmt: skip
    return CliRunner().invoke(
        corpus_audit.main, [part for name, value in names.items() for part in (f"--{name}", str(folder / value))]
    )


def metrics(folder: Path) -> dict[str, Any]:
    known: dict[str, Any] = json.loads((folder / "made" / "metrics.json").read_text())
    return known


def page(folder: Path) -> str:
    return (folder / "made" / "out" / "report.html").read_text(encoding="utf-8")


def made(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "made").rglob("*")) if path.is_file()}


def test_the_figures_of_a_corpus_are_flat_and_add_up(corpus: Path) -> None:
    result = run(corpus)
    assert (result.exit_code, result.stderr) == (0, "")
    known = metrics(corpus)
    assert (known["rows"], known["items_seen"], known["sources"], known["categories"]) == (12, 17, 2, 2)
    assert (known["bands"], known["bands_met"], known["faults"], known["largest_share_percent"]) == (2, 2, 0, 66.67)
    parts = ("kept", "duplicate", "screened_out", "contaminated", "set_aside", "rejected")
    assert sum(known[f"{part}_percent"] for part in parts) == pytest.approx(100, abs=0.03)
    assert known["contaminated_percent"] == known["screened_out_percent"] == known["duplicate_percent"] == 5.88
    assert all(isinstance(value, int | float) for value in known.values())
    assert result.stdout.startswith("12 rows,")


def test_warn_says_one_line_for_each_fault_and_goes_on(corpus: Path) -> None:
    result = run(corpus, least_categories=3, largest_percent=50)
    assert result.exit_code == 0
    assert [line[:9] for line in result.stderr.splitlines()] == ["warning: "] * 2
    assert metrics(corpus)["faults"] == 2
    assert page(corpus).count("3 are wanted") == 1


def test_fail_ends_in_exit_code_2_behind_the_reports(corpus: Path) -> None:
    result = run(corpus, fault="fail", largest_percent=50)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith("error: 1 targets are missed")
    assert metrics(corpus)["faults"] == 1 and "report.html" in made(corpus)


def test_fail_passes_where_all_targets_are_met(corpus: Path) -> None:
    assert run(corpus, fault="fail").exit_code == 0
    assert "All targets are met." in page(corpus)


def test_outputs_are_the_same_bytes_whatever_a_user_set_for_matplotlib(corpus: Path) -> None:
    run(corpus)
    before = made(corpus)
    with matplotlib.rc_context({"font.size": 30, "xtick.major.size": 20, "axes.titlepad": 30}):
        run(corpus)
    assert made(corpus) == before
    assert not any(b"tEXt" in png for name, png in before.items() if name.endswith(".png"))


def test_the_page_needs_no_network_and_shows_each_source(corpus: Path) -> None:
    run(corpus)
    text = page(corpus)
    assert not re.findall(r'(?:src|href)="(?!data:|#)', text) and "@import" not in text and "url(" not in text
    for shown in ('<details id="first">', '<details id="second">', "toy.jsonl, record 1: empty_output here", "gsm8k",
                  "Not available: the hub asks for a token", "question 20", "toy/second", "echo"):  # fmt: skip
        assert shown in text, shown
    assert re.search(r"Duplicates of rows in</h3><table>\s*<tr><td>first</td><td class=\"n\">1<", text)


def test_text_of_rows_is_not_read_as_markup(corpus: Path) -> None:
    audited.add(corpus / "sources", "third", "code", 4, [Row("<script>alert(1)</script>", "", "a & b are letters")])
    audited.merge(corpus)
    run(corpus)
    assert "&lt;script&gt;alert(1)" in page(corpus) and "<script" not in page(corpus)


def test_tables_have_a_line_for_each_category_and_length(corpus: Path) -> None:
    run(corpus)
    with (corpus / "made" / "plots" / "shares.csv").open() as handle:
        assert list(csv.reader(handle)) == [
            ["category", "percent", "percent_before"], ["code", "66.67", "66.67"], ["creative", "33.33", "33.33"],
        ]  # fmt: skip
    with (corpus / "made" / "plots" / "lengths.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert sum(float(row["percent"]) for row in rows) == pytest.approx(100) and rows[0]["tokens"] == "1"
    assert {row["power_of_two"]: row["tokens"] for row in rows}["6.5"] == "91"


@pytest.fixture
def words(tmp_path: Path) -> Path:
    """A tokenizer.json that splits at white space, and would cut texts to two words."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit

    tokenizer = Tokenizer(WordLevel({"?": 0}, unk_token="?"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    tokenizer.enable_truncation(2)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    return tmp_path / "tokenizer.json"


def test_with_a_tokenizer_tokens_are_measured(corpus: Path, words: Path) -> None:
    assert run(corpus, tokenizer=str(words)).exit_code == 0
    known = metrics(corpus)
    # "question 5" and eight words; the bytes of a category are counted with its rate, so that nothing is lost.
    assert known["tokens"] == pytest.approx(12 * 10, abs=2) and known["tokens_per_row"] == pytest.approx(10, abs=0.2)
    assert "measured on up to 1,000 rows" in page(corpus)


def test_a_sample_gives_about_what_all_rows_give(corpus: Path, words: Path) -> None:
    run(corpus, tokenizer=str(words), sample=2)
    assert metrics(corpus)["tokens"] == pytest.approx(12 * 10, abs=3)


def test_without_a_tokenizer_tokens_are_those_of_the_index(corpus: Path) -> None:
    run(corpus)
    manifest = json.loads((corpus / "merged" / "manifest.json").read_text())
    assert metrics(corpus)["tokens"] == manifest["tokens"]


@pytest.mark.parametrize("name", ["params.yaml", "no/such-model"])
def test_what_is_no_tokenizer_is_one_line(corpus: Path, name: str) -> None:
    tokenizer = str(corpus / name) if name.endswith("yaml") else name
    result = run(corpus, tokenizer=tokenizer)
    assert result.exit_code == 2 and result.stderr.count("\n") == 1
    assert f"corpus_audit.tokenizer: {tokenizer!r} cannot be loaded" in result.stderr


@pytest.mark.parametrize("sample", [0, -5])
def test_a_sample_of_nothing_is_refused(corpus: Path, words: Path, sample: int) -> None:
    result = run(corpus, tokenizer=str(words), sample=sample)
    assert result.exit_code == 2 and f"corpus_audit.sample: {sample} rows" in result.stderr


def test_a_corpus_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert result.exit_code == 2 and result.stderr.count("\n") == 1
    assert "manifest.json: no such file" in result.stderr


def test_a_source_made_again_behind_the_merge_is_one_line(corpus: Path) -> None:
    audited.add(corpus / "sources", "second", "creative", 2, [audited.row(20)])
    result = run(corpus)
    assert result.exit_code == 2 and "second: 1 items and 1 rows" in result.stderr and not (corpus / "made").exists()


def test_an_unknown_category_in_a_band_is_one_line(corpus: Path) -> None:
    result = run(corpus, bands={"poems": {"categories": ["poems"], "low": 1, "high": 2}})
    assert result.exit_code == 2 and "bands.poems.categories.0" in result.stderr


def test_a_corpus_without_rows_has_reports_and_a_fault(tmp_path: Path) -> None:
    audited.add(tmp_path / "sources", "none", "code", 1, [], unavailable="gone")
    audited.merge(tmp_path)
    result = run(tmp_path)
    assert result.exit_code == 0, result.output
    assert result.stderr == "warning: the corpus has no rows\n" and "report.html" in made(tmp_path)


def test_the_repositorys_own_targets_can_be_met_and_leave_little_to_what_has_none() -> None:
    knobs = params.load(corpus_audit.Params, "corpus_audit", audited.ROOT / "params.yaml")
    audit_targets.check(
        audit_targets.Targets(knobs.bands, knobs.largest_percent, knobs.least_categories, knobs.average_tokens), "here"
    )
    banded = {category for band in knobs.bands.values() for category in band.categories}
    assert set(Category) - banded == {Category.ANALYTICAL}
    assert sum(band.low for band in knobs.bands.values()) == 94
