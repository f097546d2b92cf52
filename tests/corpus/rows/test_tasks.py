"""Tasks give the same on one core and on two, and what is finished is not done again after a failure."""

from __future__ import annotations

import builtins
import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stages.corpus.rows import tasks
from stages.corpus.rows.tasks import Task, fingerprint_of, run, workplace
from stages.errors import UserError


def squared(number: int, log: Path) -> dict[str, int]:
    """A task that notes that it was called, and where."""
    (log / f"{number}-{os.getpid()}-{len(list(log.iterdir()))}").touch()
    return {"square": number * number}


def refused(number: int, log: Path, broken: Path) -> dict[str, int]:
    """The same, but for the number that a file holds."""
    if broken.exists() and number == int(broken.read_text()):
        raise UserError(f"row {number}: not a number; correct it")
    return squared(number, log)


def calls(log: Path) -> list[int]:
    """The numbers that `squared` was called for."""
    return sorted(int(path.name.split("-")[0]) for path in log.iterdir())


def processes(log: Path) -> set[int]:
    return {int(path.name.split("-")[1]) for path in log.iterdir()}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    folder = tmp_path / "log"
    folder.mkdir()
    return folder


@pytest.fixture(params=[1, 2])
def any_number(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """One worker, and two of which the second begins at once."""
    monkeypatch.setenv("LAMPFORGE_WORKERS", str(request.param))
    monkeypatch.setattr(tasks, "WORTH_S", -1.0)
    return int(request.param)


def squares(count: int, log: Path) -> list[Task]:
    return [Task(f"{number:03}", squared, (number, log)) for number in range(count)]


# What comes out ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 2, 3, 20])
def test_results_come_in_the_order_of_the_tasks(tmp_path: Path, log: Path, any_number: int, count: int) -> None:
    found = run(squares(count, log), tmp_path / "receipts", "local", "squares")
    assert found == [{"square": number * number} for number in range(count)]
    assert calls(log) == list(range(count))


def test_many_tasks_are_done_in_other_processes(tmp_path: Path, log: Path, any_number: int) -> None:
    run(squares(20, log), tmp_path / "receipts", "local", "squares")
    others = processes(log) - {os.getpid()}
    assert bool(others) == (any_number == 2)
    assert len(others) <= any_number


def test_little_work_is_done_here(tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMPFORGE_WORKERS", "2")
    run(squares(20, log), tmp_path / "receipts", "local", "squares")
    assert processes(log) == {os.getpid()}


# Receipts ----------------------------------------------------------------------------------------------------


def test_what_has_a_receipt_is_not_called_again(tmp_path: Path, log: Path, any_number: int) -> None:
    run(squares(3, log), tmp_path / "receipts", "local", "squares")
    found = run(squares(6, log), tmp_path / "receipts", "local", "squares")
    assert found == [{"square": number * number} for number in range(6)]
    assert calls(log) == list(range(6))


def test_after_a_failure_only_what_is_not_finished_is_called(tmp_path: Path, log: Path, any_number: int) -> None:
    broken, receipts = tmp_path / "broken", tmp_path / "receipts"
    broken.write_text("7")
    work = [Task(f"{number:03}", refused, (number, log, broken)) for number in range(12)]
    with pytest.raises(UserError, match=r"^row 7: not a number; correct it$"):
        run(work, receipts, "local", "squares")
    done = calls(log)
    assert done == sorted(int(path.stem) for path in receipts.glob("*.json"))
    assert 7 not in done
    broken.unlink()
    assert run(work, receipts, "local", "squares") == [{"square": number * number} for number in range(12)]
    assert calls(log) == list(range(12))


def test_a_failure_among_many_ends_the_run(tmp_path: Path, log: Path, any_number: int) -> None:
    broken = tmp_path / "broken"
    broken.write_text("3")
    work = [Task(f"{number:03}", refused, (number, log, broken)) for number in range(300)]
    with pytest.raises(UserError, match="row 3"):
        run(work, tmp_path / "receipts", "local", "squares")
    assert len(calls(log)) < 200


def test_arguments_that_cannot_be_sent_end_the_run_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMPFORGE_WORKERS", "2")
    monkeypatch.setattr(tasks, "WORTH_S", -1.0)
    work = [Task(f"{number:03}", callable, (lambda: None,)) for number in range(60)]
    with pytest.raises((AttributeError, TypeError, pickle.PicklingError), match="pickle"):
        run(work, tmp_path / "receipts", "local", "calls")


def test_a_result_that_json_does_not_hold_leaves_no_receipt(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        run([Task("0", Path, ("x",))], tmp_path / "receipts", "local", "paths")
    assert list((tmp_path / "receipts").iterdir()) == []


# Ray ---------------------------------------------------------------------------------------------------------


def test_ray_without_its_package_is_a_mistake_that_says_what_to_install(
    tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported = builtins.__import__

    def without_ray(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "ray":
            raise ImportError(name)
        return imported(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_ray)
    with pytest.raises(UserError, match=r"pip install 'lampforge\[ray\]', or take local"):
        run(squares(2, log), tmp_path / "receipts", "ray", "squares")
    assert calls(log) == []


# Workplace ---------------------------------------------------------------------------------------------------


def work(out: Path, fingerprint: str, *texts: str, stop: bool = False) -> None:
    """Put files named by their texts into the workplace's `out`, and fail if told so."""
    with workplace(out, fingerprint) as place:
        for text in texts:
            (place / "out" / text).write_text(text)
        if stop:
            raise KeyboardInterrupt


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "data" / "rows"


def test_what_is_in_out_takes_the_place_of_the_folder_and_nothing_is_left_beside_it(out: Path) -> None:
    work(out, "1", "a")
    work(out, "2", "b")
    assert names(out.parent) == ["b", "rows"]


@pytest.fixture
def stopped(out: Path) -> Iterator[Path]:
    """A run that was stopped behind `a`, over one that was finished."""
    work(out, "0", "old")
    with pytest.raises(KeyboardInterrupt):
        work(out, "1", "a", stop=True)
    yield out


def test_after_a_failure_the_former_result_stays_and_nothing_new_looks_finished(stopped: Path) -> None:
    assert names(stopped) == ["old"]
    assert [path.name for path in stopped.parent.iterdir() if not path.name.startswith(".")] == ["rows"]


def test_the_same_run_goes_on_where_it_was(stopped: Path) -> None:
    work(stopped, "1", "b")
    assert names(stopped.parent) == ["a", "b", "rows"]


def test_another_run_begins_anew(stopped: Path) -> None:
    work(stopped, "2", "b")
    assert names(stopped.parent) == ["b", "rows"]


def test_a_workplace_that_was_being_made_is_begun_anew(out: Path) -> None:
    base = out.with_name(".rows.parts.tmp")
    (base / "out").mkdir(parents=True)
    (base / "out" / "junk").touch()
    work(out, "1", "a")
    assert names(out.parent) == ["a", "rows"]


def test_a_run_that_was_killed_while_it_tidied_up_is_begun_anew(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rmtree = tasks.shutil.rmtree

    def killed(path: Path, **options: Any) -> None:
        if path.name == ".rows.parts.tmp":
            raise KeyboardInterrupt
        rmtree(path, **options)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt), workplace(out, "1") as place:
        (place / "out" / "a").touch()
        (place / "receipts").mkdir()
        patch.setattr(tasks.shutil, "rmtree", killed)
    assert names(out) == ["a"]
    work(out, "1", "b")
    assert names(out.parent) == ["b", "rows"]


# Fingerprint -------------------------------------------------------------------------------------------------


def test_a_fingerprint_hangs_on_inputs_and_values(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("a")
    same = fingerprint_of([file], "x", 1)
    assert fingerprint_of([file], "x", 1) == same
    assert fingerprint_of([file], "x", 2) != same
    assert fingerprint_of([], "x", 1) != same
    os.utime(file, (1, 1))
    assert fingerprint_of([file], "x", 1) != same
    (tmp_path / "b").write_text("a")
    os.utime(tmp_path / "b", (1, 1))
    assert fingerprint_of([tmp_path / "b"], "x", 1) != fingerprint_of([file], "x", 1)


def test_a_fingerprint_hangs_on_the_size_of_an_input(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("a")
    os.utime(file, (1, 1))
    before = fingerprint_of([file])
    file.write_text("ab")
    os.utime(file, (1, 1))
    assert fingerprint_of([file]) != before
