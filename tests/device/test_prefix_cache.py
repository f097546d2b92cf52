"""The evaluated beginning of all prompts, in memory and on disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stages.device import prefix_cache
from stages.device.generate import BLOCK, Generator

PREFIX = list(range(300, 300 + 4 * BLOCK + 5))
WHOLE = 4 * BLOCK


@pytest.fixture
def generator(tiny_gguf: Path) -> Iterator[Generator]:
    with Generator(tiny_gguf, n_threads=1) as opened:
        yield opened


def fresh(generator: Generator) -> Generator:
    return Generator(generator.path, n_threads=1)


def answer(generator: Generator) -> tuple[str, int]:
    given = generator.generate([*PREFIX, 310, 311], max_tokens=40, temperature=1.0, seed=5)
    return given.text, given.n_prompt


def test_a_warm_model_need_not_evaluate_the_prefix_again(generator: Generator) -> None:
    cold = answer(fresh(generator))
    assert cold[1] == len(PREFIX) + 2
    assert not prefix_cache.warm(generator, PREFIX, None)
    assert answer(generator) == (cold[0], len(PREFIX) + 2 - WHOLE)


def test_another_process_reads_it_from_disk_and_answers_the_same(generator: Generator, tmp_path: Path) -> None:
    assert not prefix_cache.warm(generator, PREFIX, tmp_path / "cache")
    expected = answer(generator)
    later = fresh(generator)
    assert prefix_cache.warm(later, PREFIX, tmp_path / "cache")
    assert answer(later) == expected


def test_a_damaged_file_is_not_used_and_written_anew(generator: Generator, tmp_path: Path) -> None:
    prefix_cache.warm(generator, PREFIX, tmp_path)
    (file,) = tmp_path.iterdir()
    content = bytearray(file.read_bytes())
    for damage in (content[:-9], bytearray(b""), content[:40] + b"\xff" + content[41:]):
        file.write_bytes(damage)
        assert not prefix_cache.warm(fresh(generator), PREFIX, tmp_path)
        assert file.read_bytes() == content


def test_other_tokens_and_another_file_do_not_find_it(generator: Generator, tiny_model: object, tmp_path: Path) -> None:
    prefix_cache.warm(generator, PREFIX, tmp_path)
    assert not prefix_cache.warm(fresh(generator), PREFIX[1:], tmp_path)
    assert not prefix_cache.warm(Generator(tiny_model.q8_0, n_threads=1), PREFIX, tmp_path)  # type: ignore[attr-defined]


def test_a_state_of_other_tokens_is_refused(generator: Generator) -> None:
    generator.keep(PREFIX[:WHOLE])
    state = generator.state()
    assert not fresh(generator).restore(PREFIX[:BLOCK], state)
    assert fresh(generator).restore(PREFIX[:WHOLE], state)


def test_a_prefix_of_less_than_a_block_is_not_kept(generator: Generator, tmp_path: Path) -> None:
    assert not prefix_cache.warm(generator, PREFIX[: BLOCK - 1], tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_a_folder_that_cannot_be_written_costs_no_answer(generator: Generator, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert not prefix_cache.warm(generator, PREFIX, tmp_path / "file" / "cache")
    assert answer(generator)[1] == len(PREFIX) + 2 - WHOLE


def test_what_two_prompts_begin_with_ends_at_the_first_difference() -> None:
    assert prefix_cache.common_beginning([1, 2, 3, 4], [1, 2, 5, 4]) == [1, 2]
    assert prefix_cache.common_beginning([1, 2], [1, 2, 3]) == [1, 2]
    assert prefix_cache.common_beginning([], [1]) == []


def test_only_the_latest_states_stay(generator: Generator, tmp_path: Path) -> None:
    for start in range(6):
        prefix_cache.warm(generator, PREFIX[start : start + BLOCK], tmp_path)
    assert len(list(tmp_path.iterdir())) == 4
