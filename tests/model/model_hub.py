"""The stand-in hub of the corpus, serving models: the same protocol at the paths that models have.

And what it takes to run a command of ours against it: its own process, as the hub's libraries read their environment
when they are imported.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path

from tests.corpus.intake import hub_server
from tests.corpus.intake.hub_server import Hub

ROOT = Path(__file__).resolve().parents[2]


class _ModelHandler(hub_server._HubHandler):
    """/api/models/<id>... and /<id>/resolve/<rev>/<file>."""

    def answer(self) -> None:
        self.path_asked = self.path_asked.replace("/api/models/", "/api/datasets/", 1)
        if not self.path_asked.startswith("/api/"):
            self.path_asked = f"/datasets{self.path_asked}"
        super().answer()


@contextmanager
def served() -> Iterator[Hub]:
    """A hub without models, for as long as the context lasts."""
    with hub_server.served() as hub:
        handler = type("Handler", (_ModelHandler,), {"hub": hub})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        hub.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield hub
        finally:
            server.shutdown()
            server.server_close()


def run(hub: str, home: Path, *command: str, offline: bool = False, token: str | None = None) -> tuple[int, str]:
    """Run Python with a hub of its own; the exit code and what it said. home: where the hub's cache is."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))},
        "HF_ENDPOINT": hub, "HF_HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_OFFLINE": str(int(offline)), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "HOME": str(home),
        "MLFLOW_TRACKING_URI": f"sqlite:///{home}/mlflow.db",
        **({"HF_TOKEN": token} if token else {}),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout
