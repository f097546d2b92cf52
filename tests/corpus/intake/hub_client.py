"""A process with the hub's libraries, which read their environment once, when they are imported.

Calls come in as lines of JSON, answers go out as such. Nothing here waits: the libraries' pauses are counted instead.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Client:
    """The other end of the process. home: its HF_HOME."""

    process: subprocess.Popen[str]
    home: Path

    def files(
        self, key: str, source: dict[str, Any], revisions: Path, take: int | None = None, token: str | None = None
    ) -> dict[str, Any]:
        """What hub_files gave: {"files": paths, "error": name or None, "text": its text, "waits": seconds}."""
        return self._call(key=key, source=source, revisions=str(revisions), take=take, token=token)

    def pin(self, *arguments: str, token: str | None = None) -> dict[str, Any]:
        """What `lampforge corpus pin` did: {"code": exit code, "text": output and errors, "waits": seconds}."""
        return self._call(pin=arguments, token=token)

    def _call(self, **call: Any) -> dict[str, Any]:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(call) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


@contextmanager
def started(endpoint: str, home: Path) -> Iterator[Client]:
    """A client of the hub at `endpoint`, with its cache in `home`."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))},
        "HF_ENDPOINT": endpoint, "HF_HUB_OFFLINE": "0", "HF_HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1",
    }  # fmt: skip
    with (home / "log.txt").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, __file__], cwd=ROOT, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
        )  # fmt: skip
        try:
            yield Client(process, home)
        finally:
            assert process.stdin
            process.stdin.close()
            process.wait()


def _files(call: dict[str, Any]) -> dict[str, Any]:
    from stages.corpus.intake.hub import hub_files
    from stages.corpus.rows.source import Category, Source

    source = Source(**{**call["source"], "category": Category(call["source"]["category"])})
    answer: dict[str, Any] = {"files": [], "error": None, "text": ""}
    try:
        for path in islice(hub_files(call["key"], source, Path(call["revisions"])), call["take"]):
            answer["files"].append(str(path))
    except Exception as error:
        answer.update(error=type(error).__name__, text=str(error))
    return answer


def _pin(arguments: list[str]) -> dict[str, Any]:
    from click.testing import CliRunner

    from stages.corpus.intake.pinning import pin

    result = CliRunner().invoke(pin, arguments)
    return {"code": result.exit_code, "text": result.output}


def main() -> None:
    from huggingface_hub import constants

    sys.path.insert(0, str(ROOT))
    waits: list[float] = []
    time.sleep = waits.append  # type: ignore[assignment]
    # The library writes, and goes on from, whole blocks: of 10 MB, which would make large files of the tests' ones.
    constants.DOWNLOAD_CHUNK_SIZE = 10_000
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        call = json.loads(line)
        os.environ.pop("HF_TOKEN", None)
        if call["token"]:
            os.environ["HF_TOKEN"] = call["token"]
        waits.clear()
        answer = _pin(call["pin"]) if "pin" in call else _files(call)
        answers.write(json.dumps({**answer, "waits": waits}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
