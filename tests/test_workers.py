"""Work in several processes gives what work in one gives, in order, a few chunks ahead of who takes it."""

import os

import pytest

from stages import workers
from stages.errors import UserError


def squared(numbers):
    return [number * number for number in numbers]


def sizes(numbers):
    return [len(numbers)] * len(numbers)


def processes(numbers):
    return [os.getpid() for _ in numbers]


def doubled(numbers):
    return [number for number in numbers for _ in range(2)]


def refused(numbers):
    if 450 in numbers:
        raise UserError("row 450: not a number; correct it")
    return numbers


@pytest.fixture(params=["1", "2", "3"])
def any_number(request, monkeypatch):
    """However many workers there are."""
    monkeypatch.setenv("LAMPFORGE_WORKERS", request.param)


# How many ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", [1, 2, 7])
def test_as_many_workers_as_the_environment_says(monkeypatch, wanted):
    monkeypatch.setenv("LAMPFORGE_WORKERS", str(wanted))
    assert workers.count() == wanted


@pytest.mark.parametrize("wanted", [None, "", "0", "-2", "many"])
def test_else_one_for_each_core_that_may_be_used(monkeypatch, wanted):
    monkeypatch.delenv("LAMPFORGE_WORKERS", raising=False)
    if wanted is not None:
        monkeypatch.setenv("LAMPFORGE_WORKERS", wanted)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3, 4, 5}, raising=False)
    assert workers.count() == 3


# What comes out ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 99, 399, 400, 401, 1234])
def test_results_come_in_the_order_of_the_items(any_number, count):
    assert list(workers.in_order(squared, range(count))) == [number * number for number in range(count)]


def test_an_item_may_give_several_results(any_number):
    assert list(workers.in_order(doubled, range(500))) == [number for number in range(500) for _ in range(2)]


def test_the_function_gets_at_most_a_hundred_items_at_once(any_number):
    assert list(workers.in_order(sizes, range(450))) == [100] * 400 + [50] * 50


def test_a_few_rows_are_worked_on_here_and_many_in_other_processes(monkeypatch):
    monkeypatch.setenv("LAMPFORGE_WORKERS", "2")
    assert set(workers.in_order(processes, range(workers.WORTH_IT - 1))) == {os.getpid()}
    assert os.getpid() not in set(workers.in_order(processes, range(workers.WORTH_IT)))


def test_one_worker_is_this_process(monkeypatch):
    monkeypatch.setenv("LAMPFORGE_WORKERS", "1")
    assert set(workers.in_order(processes, range(2 * workers.WORTH_IT))) == {os.getpid()}


def test_only_a_few_chunks_are_read_ahead(any_number):
    read = []
    items = (read.append(number) or number for number in range(100_000))
    results = workers.in_order(squared, items)
    assert next(results) == 0
    assert len(read) <= workers.WORTH_IT + 100 * (3 * workers.count() + 1)
    results.close()


def test_a_mistake_in_a_row_is_told_as_it_is(any_number):
    with pytest.raises(UserError, match=r"^row 450: not a number; correct it$"):
        list(workers.in_order(refused, range(600)))
