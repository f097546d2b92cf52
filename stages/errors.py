"""A user's mistake: one clear line on stderr and exit code 2, never a traceback."""

from __future__ import annotations

import errno
import functools
import os
import sys
from collections.abc import Callable
from typing import ParamSpec

P = ParamSpec("P")

EXIT_USER_ERROR = 2
DISK_FULL = "the disk is full; free some space and run the same command again (nothing was lost)"


class UserError(Exception):
    """Says where (file:row, key), what is wrong (the value) and what to do next, in one line."""


def one_line(error: OSError) -> str:
    """The line for an operating-system error that the user can mend."""
    where = f"{error.filename}: " if error.filename else ""
    if error.errno == errno.ENOSPC:
        return f"{where}{DISK_FULL}"
    return f"{where}{(error.strerror or str(error)).lower()}; check the path and its permissions"


def reports_user_errors(command: Callable[P, None]) -> Callable[P, None]:
    """Turn `UserError` and operating-system errors of a command into one line and exit code 2."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except UserError as error:
            fail(str(error))
        except OSError as error:
            if error.errno is None:
                raise
            fail(one_line(error))
        except Exception as error:
            # Libraries that are not written in Python (safetensors, tokenizers) report a full disk in their own way.
            if os.strerror(errno.ENOSPC) not in str(error):
                raise
            fail(DISK_FULL)

    return wrapped


def fail(line: str) -> None:
    """Print `line` to stderr and leave with exit code 2."""
    print(f"error: {line}", file=sys.stderr)
    raise SystemExit(EXIT_USER_ERROR)
