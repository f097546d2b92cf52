"""The stand-in hub, and a process in which the real libraries talk to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.corpus.intake import hub_client, hub_server
from tests.corpus.intake.hub_server import Hub


@pytest.fixture(scope="module")
def server() -> Iterator[Hub]:
    with hub_server.served() as hub:
        yield hub


@pytest.fixture(scope="module")
def client(server: Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[hub_client.Client]:
    with hub_client.started(server.url, tmp_path_factory.mktemp("hub")) as client:
        yield client
