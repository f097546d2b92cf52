"""Rows that are nearly the same are found, whatever else is alike; all but the first of a group leave."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from stages.corpus import near_duplicates, shingles
from stages.corpus.merging import Staged
from stages.corpus.near_duplicates import Likeness
from stages.corpus.rows import store
from stages.corpus.rows.row import Row
from tests.benchmarks import near_rows
from tests.corpus.toy_corpus import add_source, made, merge, write_params

WORDS = [f"{first}{second}" for first in ("lam", "har", "bri", "sto", "fen") for second in ("pa", "ton", "lik", "mur")]


def words(seed: int, count: int = 60) -> list[str]:
    """Words in an order that no other seed gives."""
    return random.Random(seed).choices(WORDS, k=count)


def text(seed: int, count: int = 60) -> str:
    return " ".join(words(seed, count))


def changed(seed: int, at: int, count: int = 60) -> str:
    """The text of a seed with one word replaced: five shingles of all."""
    return " ".join([*words(seed, count)[:at], f"other{at}", *words(seed, count)[at + 1 :]])


def source(folder: Path, rows: Sequence[Row], priority: int = 1, shard: int = 0) -> Staged:
    place = folder / f"source-{priority}"
    place.mkdir(exist_ok=True)
    with store.parquet(place / f"rows-{shard:05}.parquet", store.ROWS) as writer:
        writer.write_table(store.rows_table(store.row_id(priority, shard, 0), rows), row_group_size=store.ROW_GROUP)
    return Staged(place.name, place, {"priority": priority})


def near(
    folder: Path,
    *sources: Staged,
    whole: float = 0.8,
    parts: float = 0.0,
    compared: Sequence[Staged] | None = None,
    out: int = -1,
) -> dict[int, int]:
    """For each near duplicate the row that stays instead. out: the id of a row that does not stay anyway."""
    place = folder / "place"
    place.mkdir(exist_ok=True)
    chosen = list(sources) if compared is None else list(compared)
    texts = [file for one in chosen for file in sorted(one.folder.glob("rows-*.parquet"))]
    rids = pl.concat([pl.Series("rid", [], pl.Int64), *(pl.read_parquet(file)["rid"] for file in texts)]).sort()
    staying = rids.filter(rids != out).to_numpy()
    found = pl.read_parquet(near_duplicates.find(staying, chosen, Likeness(whole, parts), "local", place))
    assert found.columns == ["rid", "of"]
    return dict(found.iter_rows())


def rid(row: int, priority: int = 1, shard: int = 0) -> int:
    return store.row_id(priority, shard, row)


def asks(*texts: str) -> list[Row]:
    return [Row(one, "", "") for one in texts]


def test_of_rows_that_are_nearly_the_same_the_first_one_stays(tmp_path: Path) -> None:
    rows = asks(text(1), text(2), changed(1, 30), text(3), changed(1, 9))
    assert near(tmp_path, source(tmp_path, rows)) == {rid(2): rid(0), rid(4): rid(0)}


def test_the_row_of_the_source_with_the_smaller_priority_stays(tmp_path: Path) -> None:
    early, late = source(tmp_path, asks(text(1)), 2), source(tmp_path, asks(changed(1, 30)), 7)
    assert near(tmp_path, early, late) == {rid(0, 7): rid(0, 2)}


def test_rows_of_other_shards_are_compared_too(tmp_path: Path) -> None:
    source(tmp_path, asks(text(1)), shard=0)
    both = source(tmp_path, asks(text(2), changed(1, 30)), shard=11)
    assert near(tmp_path, both) == {rid(1, shard=11): rid(0)}


def test_what_is_alike_to_a_near_duplicate_belongs_to_its_group(tmp_path: Path) -> None:
    first = [f"w{number}" for number in range(60)]
    chain = [
        " ".join(first[start : start + 40]) for start in (0, 3, 6, 9)
    ]  # 33 of 39 shingles in common, then 30 of 42
    assert near(tmp_path, source(tmp_path, asks(*chain))) == {rid(row): rid(0) for row in (1, 2, 3)}


@pytest.mark.parametrize(("more", "found"), [(10, True), (11, False)])
def test_a_similarity_just_as_high_as_wanted_suffices(tmp_path: Path, more: int, found: bool) -> None:
    short = [f"w{number}" for number in range(44)]  # 40 shingles
    longer = short + [f"v{number}" for number in range(more)]
    rows = asks(" ".join(short), " ".join(longer))
    assert near(tmp_path, source(tmp_path, rows)) == ({rid(1): rid(0)} if found else {})


def test_a_lower_similarity_finds_more(tmp_path: Path) -> None:
    made = source(tmp_path, asks(text(1), changed(1, 30, 60).replace("other30", "a b c d e f g h i j k")))
    assert near(tmp_path, made) == {}
    (tmp_path / "lower").mkdir()
    assert near(tmp_path / "lower", made, whole=0.6) == {rid(1): rid(0)}


def test_only_rows_that_would_stay_are_compared(tmp_path: Path) -> None:
    rows = asks(text(1), changed(1, 30), changed(1, 31))
    assert near(tmp_path, source(tmp_path, rows), out=rid(0)) == {rid(2): rid(1)}


def test_sources_of_other_categories_are_left_alone_and_oust_nobody(tmp_path: Path) -> None:
    one, other = source(tmp_path, asks(text(1)), 1), source(tmp_path, asks(changed(1, 30), changed(1, 31)), 2)
    assert near(tmp_path, one, other, compared=[other]) == {rid(1, 2): rid(0, 2)}


def test_case_punctuation_and_the_field_that_text_is_in_do_not_count(tmp_path: Path) -> None:
    whole = words(1)
    same = Row(" ".join(whole[:20]), " ".join(whole[20:30]).upper(), "\n* " + ", ".join(whole[30:]) + "!")
    assert near(tmp_path, source(tmp_path, [*asks(" ".join(whole)), same])) == {rid(1): rid(0)}


def test_turns_before_count_and_system_prompts_do_not(tmp_path: Path) -> None:
    thanks = Row("Thank you so much for all of your help today.", "", "You are welcome.")
    rows = [
        thanks._replace(history=((text(1), text(2)),)),
        thanks._replace(history=((text(3), text(4)),)),
        *(Row(text(seed, 12), "", "Yes.", system=text(9, 90)) for seed in (5, 6)),
        thanks._replace(history=((text(1), text(2)),), system=text(7)),
    ]
    assert near(tmp_path, source(tmp_path, rows)) == {rid(4): rid(0)}


@pytest.mark.parametrize("short", ["Yes", "one two", "What is a lamp", "show a red sun now"])
def test_of_a_short_text_only_the_same_words_are_the_same(tmp_path: Path, short: str) -> None:
    rows = asks(short, f"{short}!", f"{short} please", f"not {short}")
    assert near(tmp_path, source(tmp_path, rows)) == {rid(1): rid(0)}


def test_rows_without_a_word_and_files_without_a_row_are_no_duplicates(tmp_path: Path) -> None:
    rows = [Row("?!", "", "..."), Row("?!", "", "\u2026"), Row("", "", "")]
    assert near(tmp_path, source(tmp_path, rows), source(tmp_path, [], 2)) == {}
    (tmp_path / "none").mkdir()
    assert near(tmp_path / "none", source(tmp_path, [], 3)) == {}


def test_no_source_of_the_wanted_categories_gives_no_near_duplicates(tmp_path: Path) -> None:
    assert near(tmp_path, source(tmp_path, asks(text(1), text(1))), compared=[]) == {}


def test_many_rows_that_are_nearly_the_same_are_not_all_compared_with_one_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []
    count = shingles.intersections
    monkeypatch.setattr(
        shingles, "intersections", lambda ones, others: compared.append(len(ones)) or count(ones, others)
    )
    rows = asks(*(f"{text(1, 100)} number {number}" for number in range(300)))
    assert near(tmp_path, source(tmp_path, rows)) == {rid(row): rid(0) for row in range(1, 300)}
    assert sum(compared) < 300 * 299 / 2 / 4


def test_rows_of_one_form_are_told_apart_however_many(tmp_path: Path) -> None:
    form = [f"{text(1, 40)} {text(seed, 30)}" for seed in range(10, 400)]
    assert near(tmp_path, source(tmp_path, asks(*form, f"{form[200]} now"))) == {rid(390): rid(200)}


PASSAGE = text(9, 200)
ASKED = Row("Which lighthouse had the first lens?", PASSAGE, "The one at the mouth of the Gironde.")


@pytest.mark.parametrize(
    ("other", "found"),
    [
        (ASKED._replace(instruction="Who trimmed the wicks at night, and how often?"), False),
        (ASKED._replace(output="It does not say so."), False),
        (ASKED._replace(input=f"Again: {PASSAGE}"), True),
        (ASKED._replace(instruction=f"{ASKED.instruction} Say.", output=f"{ASKED.output} So."), True),
    ],
)
def test_another_question_or_answer_about_one_passage_makes_another_row(
    tmp_path: Path, other: Row, found: bool
) -> None:
    both = source(tmp_path, [ASKED, other])
    (tmp_path / "whole").mkdir()
    assert near(tmp_path / "whole", both) == {rid(1): rid(0)}
    assert near(tmp_path, both, parts=0.5) == ({rid(1): rid(0)} if found else {})


def test_rows_with_others_between_them_are_compared_too(tmp_path: Path) -> None:
    others = [ASKED._replace(instruction=text(seed, 8)) for seed in range(20)]  # by size they come between
    last = ASKED._replace(instruction=f"{ASKED.instruction} Say so now.")
    assert near(tmp_path, source(tmp_path, [ASKED, *others, last]), parts=0.4) == {rid(21): rid(0)}


def planted(folder: Path, shards: int = 2, rows: int = 800) -> tuple[Staged, list[near_rows.Planted]]:
    folder.mkdir()
    found = [one for shard in range(shards) for one in near_rows.write(folder, shard, rows)]
    return Staged(folder.name, folder, {"priority": near_rows.PRIORITY}), found


def similarities(made: Staged, pairs: Sequence[near_rows.Planted]) -> list[float]:
    """As the definition has them, from the texts."""
    rows = pl.read_parquet(made.folder / "rows-*.parquet").select("rid", "instruction", "output")
    sets = {}
    for number, *texts in rows.iter_rows():
        of_row = " ".join(texts).lower().replace(".", " ").split()
        sets[number] = {tuple(of_row[at : at + 5]) for at in range(len(of_row) - 4)}
    return [len(sets[one] & sets[of]) / len(sets[one] | sets[of]) for one, of in pairs]


def test_planted_near_duplicates_are_found_and_no_others(tmp_path: Path) -> None:
    made, pairs = planted(tmp_path / "made")
    found = near(tmp_path, made, parts=0.4)
    alike = [pair for pair, value in zip(pairs, similarities(made, pairs), strict=True) if value >= 0.8]
    hits = sum(found.get(one, one) == found.get(of, of) for one, of in alike)
    assert len(alike) > 80
    assert hits > 0.98 * len(alike)
    assert found.keys() <= {one for one, _ in alike}


def test_one_and_two_workers_write_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, _ = planted(tmp_path / "made", rows=300)
    written = []
    for workers in ("1", "2"):
        monkeypatch.setenv("LAMPFORGE_WORKERS", workers)
        folder = tmp_path / workers
        folder.mkdir()
        assert near(folder, made)
        written.append({file.name: file.read_bytes() for file in (folder / "place").glob("*.*")})
    assert written[0] == written[1]


def test_the_sets_of_the_same_texts_in_other_company_are_the_same() -> None:
    texts = [text(seed, seed % 7 * 3) for seed in range(300)]
    whole = shingles.sets(texts)
    alone = [shingles.sets([one]) for one in texts]
    assert whole.sizes.tolist() == [one.sizes[0] for one in alone]
    assert np.array_equal(whole.hashes, np.concatenate([one.hashes for one in alone]))


def test_sizes_and_intersections_are_those_of_sets_of_words_in_a_row() -> None:
    pairs = [(words(seed, 30 + seed), words(seed, 30 + seed)[: 20 + seed] + words(seed + 1, 30)) for seed in range(40)]
    plain = [[{tuple(one[at : at + 5]) for at in range(len(one) - 4)} for one in pair] for pair in pairs]
    ones, others = zip(*((shingles.sets([" ".join(one)]) for one in pair) for pair in pairs), strict=True)
    assert [one.sizes[0] for one in ones] == [len(one) for one, _ in plain]
    common = shingles.intersections([one.hashes for one in ones], [other.hashes for other in others])
    assert common.tolist() == [len(one & other) for one, other in plain]


def test_signatures_are_those_of_the_version_that_is_pinned() -> None:
    signed = shingles.signed(shingles.sets([text(1)]), 6)
    assert signed.shape == (shingles.SKETCH + 21, 1)
    assert [f"{number:016x}" for number in signed[:3, 0].tolist()] == [
        "9b7c5dc263423eee",
        "464929c595ed418c",
        "0987114bedc32a92",
    ]


@pytest.mark.parametrize("similarity", [0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0])
def test_bands_find_what_is_just_similar_enough_and_as_little_else_as_that_allows(similarity: float) -> None:
    rows = shingles.band_rows(similarity)
    assert 1 - (1 - similarity**rows) ** shingles.bands(rows) >= 0.99
    assert all(1 - (1 - similarity**more) ** shingles.bands(more) < 0.99 for more in range(rows + 1, 129))


def test_sketches_of_similar_sets_are_near_and_of_others_are_not() -> None:
    chance = np.random.default_rng(5)
    apart = {}
    for similarity in (0.3, 0.8):
        size = 180
        common = round(2 * size * similarity / (1 + similarity))
        pools = [np.sort(chance.integers(0, 1 << 48, 2 * size - common, np.uint64)) for _ in range(400)]
        pairs = [(pool[:size], pool[size - common :]) for pool in pools]
        hashes = np.concatenate([one for pair in pairs for one in pair])
        sketches = shingles.signed(shingles.Sets(np.full(800, size), hashes), 6)[: shingles.SKETCH]
        apart[similarity] = np.bitwise_count(sketches[:, ::2] ^ sketches[:, 1::2]).sum(axis=0)
    limit = shingles.bits_apart(0.8)
    assert (apart[0.8] <= limit).mean() > 0.99
    assert (apart[0.3] <= limit).mean() < 0.01


NEAR = {"enabled": True, "categories": ["creative"], "similarity": 0.8, "parts": 0.5}


def merged(folder: Path, **knobs: object) -> pl.DataFrame:
    """The index of a story, one nearly the same, that one again, another; and one nearly the same as code."""
    records = [{"instruction": one, "input": "", "output": "The end."} for one in (text(1), changed(1, 30), text(2))]
    again = {**records[1], "output": "  the END."}
    add_source(folder, "stories", [records[0], records[1], again, records[2]], category="creative", priority=1)
    add_source(folder, "programs", [{**records[0], "instruction": changed(1, 9)}], category="code", priority=2)
    made(
        folder,
        corpus_sources={"screened": False},
        corpus_merged={"unreviewed": "keep", "near_duplicates": NEAR, **knobs},
    )
    return pl.read_parquet(folder / "merged" / "index.parquet").with_columns(pl.col("fate").cast(pl.String))


def test_the_merge_takes_them_out_of_the_named_categories_and_names_the_row_that_stays(tmp_path: Path) -> None:
    index = merged(tmp_path)
    first = rid(0)
    assert index["fate"].to_list() == ["kept", "near_duplicate", "duplicate", "kept", "kept"]
    assert index["of"].to_list() == [None, first, first, None, None]


def test_the_merge_compares_rows_of_all_categories_on_demand(tmp_path: Path) -> None:
    index = merged(tmp_path, near_duplicates=NEAR | {"categories": "all"})
    assert index["fate"].to_list() == ["kept", "near_duplicate", "duplicate", "kept", "near_duplicate"]


def test_near_duplicates_leave_before_caps_are_applied(tmp_path: Path) -> None:
    index = merged(tmp_path, caps={"stories": 2})
    assert index["fate"].to_list() == ["kept", "near_duplicate", "duplicate", "kept", "kept"]


def test_the_manifest_counts_them_and_its_hash_tells_that_they_left(tmp_path: Path) -> None:
    told = []
    for enabled in (True, False):
        folder = tmp_path / str(enabled)
        folder.mkdir()
        merged(folder, near_duplicates=NEAR | {"enabled": enabled})
        told.append(json.loads((folder / "merged" / "manifest.json").read_text()))
    assert [one["fates"].get("near_duplicate", {}).get("rows") for one in told] == [1, None]
    assert [one["rows"] for one in told] == [3, 4]
    assert told[0]["logical_hash"] != told[1]["logical_hash"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"similarity": 0.3}, "similarity: 0.3 is not within 0.5 and 1"),
        ({"similarity": 80.0}, "similarity: 80.0 is not within 0.5 and 1"),
        ({"parts": -1.0}, "parts: -1.0 is not within 0.0 and 1"),
        ({"categories": ["stories"]}, "categories"),
        ({"categories": "some"}, "categories"),
        ({"bands": 16}, "bands is unknown"),
    ],
)
def test_wrong_knobs_are_told_in_one_line(tmp_path: Path, wrong: dict[str, object], said: str) -> None:
    merged(tmp_path)
    write_params(tmp_path, corpus_merged={"unreviewed": "keep", "near_duplicates": NEAR | wrong})
    done = merge(tmp_path)
    assert done.exit_code == 2
    assert said in done.output
    assert done.output.count("\n") == 1
