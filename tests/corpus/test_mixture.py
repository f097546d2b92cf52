"""Which rows a mix takes: exact counts, what happens when there are too few, and that rows keep their places."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.corpus.mixture import Mix, Plan, chosen, mixed, plan, quotas
from stages.errors import UserError


def mix(**weights):
    return Mix(100, weights, 1, 1e-5, "toy")


def corpus(**counts):
    """Rows of these buckets with ids in their order and the orders that keys would give."""
    buckets = [name for name, count in counts.items() for _ in range(count)]
    number = np.arange(len(buckets), dtype=np.uint64)
    order = number * np.uint64(0x9E3779B97F4A7C15)
    return pl.DataFrame(
        {"rid": number.astype(np.int64), "bucket": buckets, "lang": ["en"] * len(buckets), "order": order}
    )


def drawn(rows, name="toy", seed=7, **taken):
    available = dict(rows.group_by("bucket").len().iter_rows())
    plans = {bucket: Plan(count, available[bucket], count, 0) for bucket, count in taken.items()}
    return chosen(rows, plans, seed, name)


@given(st.integers(0, 10_000), st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 100), min_size=1))
def test_quotas_add_up_and_are_within_one_row_of_their_share(rows, weights):
    split = quotas(rows, weights)
    assert sum(split.values()) == rows
    for name, count in split.items():
        assert abs(count - rows * weights[name] / sum(weights.values())) < 1


def test_a_plan_takes_what_the_weights_say():
    plans = plan("toy", mix(a=70, b=30), 100, {"a": 1000, "b": 1000}, "error", 1)
    assert {name: one.taken for name, one in plans.items()} == {"a": 70, "b": 30}


def test_too_few_rows_are_an_error_where_the_policy_says_so():
    with pytest.raises(UserError, match=r"mix toy: too few rows of a 10 of 70"):
        plan("toy", mix(a=70, b=30), 100, {"a": 10, "b": 1000}, "error", 1)


def test_what_is_missing_is_spread_over_the_others_by_their_weights():
    plans = plan("toy", mix(a=50, b=30, c=20), 100, {"a": 10, "b": 1000, "c": 1000}, "redistribute", 1)
    assert {name: one.taken for name, one in plans.items()} == {"a": 10, "b": 54, "c": 36}
    assert plans["a"].wanted == 50


def test_what_the_others_cannot_take_either_is_missing_and_nothing_is_made_up():
    plans = plan("toy", mix(a=50, b=50), 100, {"a": 10, "b": 60}, "redistribute", 1)
    assert {name: one.taken for name, one in plans.items()} == {"a": 10, "b": 60}


def test_rows_are_repeated_up_to_the_limit_where_the_policy_says_so():
    plans = plan("toy", mix(a=50, b=50), 100, {"a": 10, "b": 1000}, "repeat", 3)
    assert (plans["a"].taken, plans["a"].repeated, plans["b"].taken) == (30, 20, 70)


def test_a_weighted_bucket_without_any_rows_is_an_error_whatever_the_policy():
    with pytest.raises(UserError, match="no rows of b in the corpus"):
        plan("toy", mix(a=50, b=50), 100, {"a": 10}, "repeat", 3)


def test_a_draw_is_without_replacement_and_exact():
    picked = drawn(corpus(a=500, b=500), a=70, b=30)
    assert dict(picked.group_by("bucket").len().iter_rows()) == {"a": 70, "b": 30}
    assert picked["rid"].n_unique() == 100
    assert picked["rank"].to_list() == list(range(100))


def test_repeats_take_every_row_once_before_any_twice():
    picked = drawn(corpus(a=10, b=10), a=25, b=5)
    times = dict(picked.filter(pl.col("bucket") == "a").group_by("rid").len().iter_rows())
    assert set(times.values()) == {2, 3}
    assert len(times) == 10


def test_the_order_mixes_the_buckets():
    picked = drawn(corpus(a=500, b=500), a=50, b=50)["bucket"].to_list()
    assert 10 < picked[:50].count("a") < 40


def test_another_seed_or_another_mix_draws_others():
    rows = corpus(a=1000)
    one = set(drawn(rows, a=100)["rid"])
    assert len(one & set(drawn(rows, seed=8, a=100)["rid"])) < 40
    assert len(one & set(drawn(rows, name="other", a=100)["rid"])) < 40


def test_rows_that_come_later_push_out_as_many_and_leave_the_others_in_their_order():
    small, large = drawn(corpus(a=1000), a=100)["rid"].to_list(), drawn(corpus(a=1050), a=100)["rid"].to_list()
    common = [rid for rid in small if rid in set(large)]
    assert len(common) >= 85
    assert [rid for rid in large if rid in set(common)] == common


@given(st.integers(0, 2**64 - 1))
def test_the_hash_is_splitmix64(salt):
    values = np.array([0, 1, 2**63], np.uint64)
    expected = []
    for value in values.tolist():
        x = (value + salt) % 2**64
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) % 2**64
        expected.append(x ^ (x >> 31))
    assert mixed(values, salt).tolist() == expected
