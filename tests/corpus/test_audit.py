"""Shares, bands, corrections, lengths and samples of corpora that are made up here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.corpus import audit, audit_index, audit_plots, audit_report, audit_targets, audit_tokens
from stages.corpus.audit import Origin, Outcome, Share
from stages.corpus.audit_targets import Average, Band, Targets
from stages.corpus.intake import staging
from stages.corpus.rows import store
from stages.corpus.rows.row import Row
from stages.corpus.rows.source import Category
from stages.errors import UserError
from tests.corpus import audited

CODE, CREATIVE, MORAL, RED = Category.CODE, Category.CREATIVE, Category.ADVERSARIAL_MORAL, Category.RED_TEAM


def origin(key: str, category: str, kept: int, tokens_a_row: int = 100, **fates: int) -> Origin:
    report = {"category": category, "rejected": {}, "unavailable": None}
    return Origin(key, report, {"kept": kept, **fates}, kept, kept * tokens_a_row, kept * tokens_a_row * 4)


def targets(largest: float = 100, least: int = 1, average: tuple[float, float] = (1, 1000), **bands: Band) -> Targets:
    return Targets(bands, largest, least, Average(*average))


def band(low: float, high: float, *categories: Category) -> Band:
    return Band(categories, low, high)


def of(found: list[Origin], one: Band) -> Share:
    return audit.shares(found, {"it": one})[0]


def test_a_share_on_the_border_of_its_band_is_within_it() -> None:
    found = [origin("a", "code", 25), origin("b", "creative", 75)]
    assert of(found, band(25, 28, CODE)).off == 0
    assert of(found, band(20, 25, CODE)).off == 0


def test_one_row_beyond_the_border_is_off_however_large_the_corpus() -> None:
    found = [origin("a", "code", 2_499_999), origin("b", "creative", 7_500_001)]
    assert of(found, band(25, 28, CODE)).off == -1
    assert of(found, band(20, 25, CODE)).off == 0
    found = [origin("a", "code", 2_500_001), origin("b", "creative", 7_499_999)]
    assert of(found, band(20, 25, CODE)).off == 1


@given(st.integers(0, 5000), st.integers(1, 5000), st.integers(1, 60), st.integers(0, 30))
def test_the_correction_reaches_the_band_and_one_row_less_does_not(code: int, other: int, low: int, wide: int) -> None:
    share = of([origin("a", "code", code), origin("b", "creative", other)], band(low, low + wide, CODE))
    step = (share.correction > 0) - (share.correction < 0)
    assert step == -share.off
    mended = of(
        [origin("a", "code", code + share.correction), origin("b", "creative", other)], share.band or band(0, 0)
    )
    # A narrow band of a small corpus may lie between two counts; then the correction is the first beyond it.
    assert mended.off in (0, step)
    if step:
        nearly = of(
            [origin("a", "code", code + share.correction - step), origin("b", "creative", other)],
            share.band or band(0, 0),
        )
        assert nearly.off == share.off


def test_categories_of_one_band_are_judged_together() -> None:
    found = [origin("a", "adversarial_moral", 1), origin("b", "red_team", 1), origin("c", "code", 98)]
    shares = audit.shares(found, {"safety": band(2, 3, MORAL, RED)})
    assert [(share.name, share.rows, share.off) for share in shares] == [("safety", 2, 0), ("code", 98, 0)]


def test_a_category_without_a_band_has_no_target() -> None:
    share = audit.shares([origin("a", "analytical", 99), origin("b", "code", 1)], {"code": band(0, 5, CODE)})[1]
    assert (share.name, share.band, share.off, share.correction, share.after) == ("analytical", None, 0, 0, 99.0)


def test_the_share_before_counts_what_the_merge_removed() -> None:
    found = [origin("a", "code", 10, duplicate=40, too_short=10), origin("b", "creative", 20)]
    share = of(found, band(0, 100, CODE))
    assert (share.before, share.after) == (75.0, 33.33)


@pytest.mark.parametrize(
    ("fate", "outcome"),
    [
        ("kept", Outcome.KEPT),
        ("duplicate", Outcome.DUPLICATE),
        ("near_duplicate", Outcome.DUPLICATE),
        ("licence", Outcome.SET_ASIDE),
        ("over_cap", Outcome.SET_ASIDE),
        ("contaminated:gsm8k", Outcome.CONTAMINATED),
        ("control_token:<x>", Outcome.SCREENED_OUT),
        ("a_verdict_to_come", Outcome.SCREENED_OUT),
    ],
)
def test_each_fate_has_an_outcome(fate: str, outcome: Outcome) -> None:
    assert audit.outcome(fate) == outcome


def test_too_few_categories_a_large_one_and_a_strange_average_are_faults() -> None:
    found = [origin("a", "code", 60, 5), origin("b", "creative", 40, 5), origin("c", "red_team", 0)]
    assert audit.faults(found, targets()) == []
    assert "2 categories have rows; at least 3" in audit.faults(found, targets(least=3))[0]
    assert audit.faults(found, targets(largest=50)) == ["code holds 60.00 % of the rows, more than 50 %"]
    assert audit.faults(found, targets(average=(6, 9))) == ["5.0 tokens a row on average; 6 to 9 are wanted"]
    assert audit.faults(found, targets(average=(1, 4))) == ["5.0 tokens a row on average; 1 to 4 are wanted"]


def test_a_missed_band_says_how_many_rows_would_do() -> None:
    found = [origin("a", "code", 10), origin("b", "creative", 90)]
    line = "code: 10.00 % of the rows, 25 to 28 % are wanted; 20 rows more would do"
    assert audit.faults(found, targets(code=band(25, 28, CODE))) == [line]


def test_a_band_of_a_category_that_no_source_has_is_missed() -> None:
    found = [origin("b", "creative", 90)]
    assert audit.faults(found, targets(code=band(25, 28, CODE)))[0].startswith("code: 0.00 %")


def test_no_rows_are_one_fault_and_no_division() -> None:
    found = [origin("a", "code", 0, duplicate=0)]
    assert audit.faults(found, targets(code=band(25, 28, CODE))) == ["the corpus has no rows"]
    known = audit.figures(found, targets(code=band(25, 28, CODE)))
    assert (known["rows"], known["tokens_per_row"], known["kept_percent"], known["bands_met"]) == (0, None, None, 0)


def test_percentages_of_the_items_are_of_all_that_was_seen() -> None:
    found = [
        origin("a", "code", 50, duplicate=20, near_duplicate=5, over_cap=5, **{"contaminated:gsm8k": 10, "echo": 10})
    ]
    known = audit.figures(found, targets())
    shares = {
        name: value for name, value in known.items() if name.endswith("_percent") and name != "largest_share_percent"
    }
    assert shares == {
        "kept_percent": 50.0, "duplicate_percent": 25.0, "screened_out_percent": 10.0, "contaminated_percent": 10.0,
        "set_aside_percent": 5.0, "rejected_percent": 0.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (targets(a=band(5, 3, CODE)), "bands.a: 5 to 3 is no range"),
        (targets(a=band(0, 101, CODE)), "bands.a: 0 to 101 is no range"),
        (targets(a=band(1, 2, CODE), b=band(1, 2, CODE)), "category code is in bands a and b"),
        (targets(a=band(1, 2)), "bands.a has no categories"),
        (targets(a=band(60, 70, CODE), b=band(50, 60, CREATIVE)), "the lower ends of the bands add up to 110 %"),
        (targets(largest=0), "largest_percent: 0"),
        (targets(average=(5, 4)), "average_tokens: low is not below high"),
    ],
)
def test_targets_that_cannot_be_met_are_said_so(wrong: Targets, says: str) -> None:
    with pytest.raises(UserError, match=says):
        audit_targets.check(wrong, "params.yaml, corpus_audit")


@pytest.mark.parametrize(("items", "kept"), [(3, 3), (3, 2)])
def test_a_source_that_was_made_again_after_the_merge_is_refused(items: int, kept: int) -> None:
    report = {"source": "a", "category": "code", "items": items, "kept": kept, "rejected": {}}
    merged = {"sources": {"a": {"fates": {"kept": 2}, "rows": 2, "tokens": 2, "bytes": 8}}}
    line = f"a: {items} items and {kept} rows in its report, 2 rows in the merged corpus; merge again"
    with pytest.raises(UserError, match=line):
        audit.origins(merged, [report])


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audit")
    talk = Row("last", "", "reply", history=(("first", "one"), ("second", "two")), system="be brief")
    audited.add(folder / "sources", "talks", "multiturn_dialog", 1, [talk, audited.row(7)])
    audited.add(folder / "sources", "many", "code", 2, [audited.row(number, 1) for number in range(16_390)], ["echo"])
    audited.merge(folder)
    return folder


CATEGORY = {"talks": "multiturn_dialog", "many": "code"}


def test_estimated_lengths_are_those_of_the_index(corpus: Path) -> None:
    index = pl.read_parquet(corpus / "merged" / "index.parquet").filter(pl.col("fate").cast(pl.String) == "kept")
    lengths = audit_index.lengths(corpus / "merged", CATEGORY, {})
    tokens = index.filter(pl.col("source").cast(pl.String) == "talks").get_column("tokens").sort()
    assert lengths["multiturn_dialog"].quantiles[::4] == (tokens[0], tokens[1])
    assert sum(lengths["code"].bins) + sum(lengths["multiturn_dialog"].bins) == index.height


def test_measured_lengths_go_by_the_rate_of_their_category(corpus: Path) -> None:
    plain = audit_index.lengths(corpus / "merged", CATEGORY, {})
    double = audit_index.lengths(corpus / "merged", CATEGORY, {"code": (1, 2)})
    assert double["multiturn_dialog"] == plain["multiturn_dialog"]
    assert double["code"].quantiles[2] >= 2 * plain["code"].quantiles[2] - 1


def test_a_length_is_in_the_bin_that_begins_at_or_below_it() -> None:
    sizes = np.array([1, 4, 5, 4 * 131_072, 4 * 10**6])
    bins = audit_index._lengths(sizes, audit_index.ESTIMATE).bins
    assert (bins[0], bins[1], bins[-1], sum(bins)) == (2, 1, 2, 5)


def test_duplicates_are_counted_by_the_source_that_has_them_first(tmp_path: Path) -> None:
    early, late = [audited.row(number) for number in range(4)], [audited.row(9), audited.row(9)]
    audited.add(tmp_path / "sources", "early", "code", 3, early)
    audited.add(tmp_path / "sources", "late", "code", 7, [*late, early[0], early[2]])
    audited.merge(tmp_path)
    assert audit_index.doubled(tmp_path / "merged", {3: "early", 7: "late"}) == {"late": [("early", 2), ("late", 1)]}


def test_a_sample_of_a_category_does_not_hang_on_the_others() -> None:
    rows = pl.DataFrame({"rid": range(1000), "category": ["code", "creative"] * 500, "bytes": [4] * 1000})
    rows = rows.with_columns(pl.col("rid").cast(pl.Int64))
    drawn = audit_tokens.sampled(rows, 20)
    assert drawn.group_by("category").len().get_column("len").to_list() == [20, 20]
    assert drawn.get_column("rid").is_sorted()
    alone = audit_tokens.sampled(rows.filter(pl.col("category") == "code"), 20)
    assert alone.get_column("rid").to_list() == drawn.filter(pl.col("category") == "code").get_column("rid").to_list()
    later = audit_tokens.sampled(rows.filter(pl.col("rid") >= 500), 20).get_column("rid").to_list()
    assert set() < {rid for rid in drawn.get_column("rid") if rid >= 500} < set(later)
    fewer = audit_tokens.sampled(rows, 10).get_column("rid").to_list()
    assert set(fewer) < set(drawn.get_column("rid").to_list())


def test_all_text_of_a_row_is_measured(corpus: Path) -> None:
    rids = np.array([store.row_id(1, 0, 0)])
    texts = [
        text
        for part in audit_tokens.texts_of(corpus / "sources" / "talks" / "rows-00000.parquet", rids)
        for text in part
    ]
    assert sorted(texts) == sorted(["last", "reply", "be brief", "first", "one", "second", "two"])


def test_rows_behind_the_first_row_group_are_found(corpus: Path) -> None:
    rids = np.array([store.row_id(2, 0, place) for place in (3, 16_383, 16_384, 16_389)])
    parts = list(audit_tokens.texts_of(corpus / "sources" / "many" / "rows-00000.parquet", rids))
    asked = [text for part in parts for text in part if text.startswith("question")]
    assert asked == ["question 3", "question 16383", "question 16384", "question 16389"]


@pytest.mark.parametrize("rid", [store.row_id(2, 0, 16_390), store.row_id(2, 0, 100_000), store.row_id(3, 0, 1)])
def test_rows_that_a_file_does_not_have_are_one_clear_line(corpus: Path, rid: int) -> None:
    with pytest.raises(UserError, match=r"rows-00000\.parquet: not the rows that were merged"):
        list(audit_tokens.texts_of(corpus / "sources" / "many" / "rows-00000.parquet", np.array([rid])))


def test_rates_are_tokens_and_bytes_of_the_sampled_rows(corpus: Path) -> None:
    reports: list[dict[str, Any]] = [
        {"source": "talks", "category": "multiturn_dialog", "priority": 1},
        {"source": "many", "category": "code", "priority": 2},
    ]
    rates = audit_tokens.rates(
        corpus / "merged", corpus / "sources", reports, lambda texts: sum(len(text.split()) for text in texts), 50
    )
    talk = sum(map(len, ["last", "reply", "be brief", "first", "one", "second", "two"]))
    assert rates["multiturn_dialog"] == (8 + 2 + 8, talk + len("question 7") + 8 * 7 - 1)
    assert rates["code"][0] == 50 * 3


def test_an_example_that_was_cut_says_so() -> None:
    shown = audit_report._example({"instruction": "ask", "output": "x" * audit_report.CUT, "severity": "low"})
    assert shown == [("user", "ask"), ("assistant", "x" * audit_report.CUT + " …"), ("labels", "severity: low")]
    assert staging._SHOWN == audit_report.CUT


def test_turns_of_an_example_come_in_the_order_in_which_they_were_said() -> None:
    shown = audit_report._example(
        {"history": [["a", "b"]], "instruction": "c", "input": "d", "output": "e", "system": "s"}
    )
    assert [text for _, text in shown] == ["s", "a", "b", "c", "d", "e"]


def test_pictures_of_nothing_are_drawn_too(tmp_path: Path) -> None:
    assert len(audit_plots.write(tmp_path / "plots", [], targets(), {}, None)) == 3
