"""The tasks on a Ray cluster of two nodes, both on this machine: the same bytes as in one process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stages.corpus.rows import tasks
from tests.corpus.toy_corpus import ROOT, add_source, fates, made, rows, tree_bytes

ray = pytest.importorskip("ray", reason="the extra ray is not installed")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    from ray.cluster_utils import Cluster

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    nodes.add_node(num_cpus=1)
    ray.init(
        address=nodes.address,
        log_to_driver=False,
        runtime_env={"env_vars": {"PYTHONPATH": str(ROOT)}},
    )
    assert sum(node["Alive"] for node in ray.nodes()) == 2
    yield
    ray.shutdown()
    nodes.shutdown()


def corpus(folder: Path, executor: str) -> Path:
    fill = "with some more words to fill it " * 12
    add_source(folder, "a", rows(*(f"{number} {fill}" for number in range(9_000))))
    add_source(folder, "b", rows(*(f"{number} {fill}" for number in range(8_000, 9_500))))
    return made(
        folder,
        corpus_sources={"shard_mb": 1, "executor": executor, "screened": False},
        corpus_merged={"executor": executor},
    )


def test_two_nodes_write_the_bytes_of_one_process(tmp_path: Path, cluster: None) -> None:
    here, there = corpus(tmp_path / "local", "local"), corpus(tmp_path / "ray", "ray")
    for name in ("sources", "merged"):
        assert tree_bytes(here / name) == tree_bytes(there / name)
    assert [fate for _, fate in fates(there)].count("duplicate") == 1_000


def node_of(number: int) -> str:
    import time

    time.sleep(0.2)  # so that one node does not take all before the other has begun
    return str(ray.get_runtime_context().get_node_id())


def test_both_nodes_take_part(tmp_path: Path, cluster: None) -> None:
    calls = [tasks.Task(f"{number}", node_of, (number,)) for number in range(12)]
    assert len(set(tasks.run(calls, tmp_path, "ray", "toy"))) == 2
