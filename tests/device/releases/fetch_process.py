"""A process that fetches in children of its own, which are killed at a chosen moment: run by test_fetch_faults.py.

Each line of standard input is a JSON object: home, source (null: go back), and either `event` (killed just before the
so-manieth opening, renaming, linking or deleting of a file) or `seconds` (killed then), or neither. Each line of
standard output is how the child ended: 0, 2 (refused), -9 (killed).
Children are forked when everything is imported: 50 ms each where a new process takes a second.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from pathlib import Path
from typing import Any

import stages.device.generate
import stages.lamp.validation  # noqa: F401 - imported once, before the children are
from stages.device.releases import download, fetch
from stages.errors import UserError

EVENTS = {"open", "os.mkdir", "os.rename", "os.symlink", "os.remove", "os.rmdir", "os.scandir", "os.utime"}


def fetch_once(job: dict[str, Any]) -> int:
    left = job.get("event")

    def hook(event: str, _: tuple[Any, ...]) -> None:
        nonlocal left
        if left is not None and event in EVENTS:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    download.WAITS = (0.0,) * 3
    try:
        if job["source"] is None:
            fetch.go_back(Path(job["home"]))
        else:
            fetch.fetch_release(Path(job["home"]), job["source"], None, 3, 1 << 30)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def main() -> None:
    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if child == 0:
            os._exit(fetch_once(job))
        if "seconds" in job:
            handle = os.pidfd_open(child)
            select.select([handle], [], [], job["seconds"])
            os.close(handle)
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
