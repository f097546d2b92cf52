"""The bytes of a URL in their order, whatever becomes of the connection on the way.

Comes in: an http or https URL. Goes out: a stream that is read like a file, once.
Always holds: no byte is given twice or left out; a cut connection is taken up again where it broke (Range), a few times
in a row at most; no more than `limit` bytes come.
What this cannot see, a server that gives other bytes of the same length after a break, the sums in the release do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Self

import httpx

from ...errors import UserError

LIMIT = 8 << 30
WAITS = (0.5, 1.0, 2.0, 4.0, 8.0)  # s, before each new try
TIMEOUT = httpx.Timeout(30.0, connect=10.0)  # s, for each read and not for all of it
_PROGRESS = 1 << 20  # bytes after which a connection counts as one that works
_BUSY = {408, 425, 429}  # and all from 500 on: it may go better next time


class _TryAgain(Exception):  # noqa: N818 - it is what it says
    """The server could not answer now."""


class Download:
    """A stream of what `url` gives. Use it as a context manager.

    limit: bytes at most. waits: s before each new try, default `WAITS`; progress starts them anew. progress: called
    with the bytes that came so far and the bytes in all, None where the server does not say.
    Raises UserError, at entry or when read: no answer, an answer that helps no more, too many bytes.
    """

    def __init__(
        self,
        url: str,
        limit: int = LIMIT,
        waits: Sequence[float] | None = None,
        timeout: httpx.Timeout = TIMEOUT,
        progress: Callable[[int, int | None], None] | None = None,
    ) -> None:
        self._url, self._limit, self._progress = url, limit, progress
        self._waits = WAITS if waits is None else waits
        self.shown = _without_secrets(url)
        self._client = httpx.Client(timeout=timeout, follow_redirects=True)
        self._response: httpx.Response | None = None
        self._blocks: Iterator[bytes] = iter(())
        self._rest = b""
        self._came = 0  # bytes given or in _rest
        self._skip = 0  # bytes to come that came before
        self._total: int | None = None
        self._ended = False
        self._tries, self._came_at_break = 0, 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._break()
        self._client.close()

    def read(self, size: int) -> bytes:
        """Up to `size` further bytes; b"" at the end."""
        while not self._rest and not self._ended:
            self._rest = self._next_block()
        block, self._rest = self._rest[:size], self._rest[size:]
        return block

    def _next_block(self) -> bytes:
        try:
            if self._response is None:
                self._response = self._open()
                self._blocks = self._response.iter_raw()  # in a size of ours, what came before a break would be lost
            block = next(self._blocks, None)
        except (httpx.TransportError, _TryAgain) as error:
            self._wait_after(error)
            return b""
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UserError(f"{self.shown}: {_reason(error)}; correct the address") from None
        if block is None:
            self._ended = True
            return b""
        skipped = min(self._skip, len(block))
        self._skip -= skipped
        return self._count(block[skipped:])

    def _count(self, block: bytes) -> bytes:
        self._came += len(block)
        if self._came > self._limit:
            raise self._too_large("more than the", "that are")
        if self._progress:
            self._progress(self._came, self._total)
        return block

    def _open(self) -> httpx.Response:
        """Ask for what has not come yet."""
        headers = {"Accept-Encoding": "identity"}
        if self._came:
            headers["Range"] = f"bytes={self._came}-"
        response = self._client.send(self._client.build_request("GET", self._url, headers=headers), stream=True)
        try:
            self._refuse(response)
            self._place(response)
        except BaseException:
            response.close()
            raise
        return response

    def _refuse(self, response: httpx.Response) -> None:
        status = response.status_code
        if status in _BUSY or status >= 500:
            raise _TryAgain(f"the server answers {status} {response.reason_phrase}".strip())
        if status == 416:
            raise self._changed()
        if status not in (200, 206):
            raise UserError(f"{self.shown}: the server answers {status} {response.reason_phrase}; correct the address")
        if self._url.startswith("https:") and response.url.scheme != "https":
            raise UserError(
                f"{self.shown}: leads to {_without_secrets(str(response.url))}, without https; give that one"
            )

    def _place(self, response: httpx.Response) -> None:
        """Find out where in the whole the answer begins, and how much there is in all."""
        if response.status_code == 200:
            begin: int | None = 0
            total = _number(response.headers.get("Content-Length"))
        else:
            span, _, whole = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
            begin, total = _number(span.partition("-")[0]), _number(whole)
        if begin is None or begin not in (0, self._came) or (self._total and total and total != self._total):
            raise self._changed()
        self._skip = self._came - begin
        self._total = self._total or total
        if self._total and self._total > self._limit:
            raise self._too_large(f"{self._total / 1e6:,.1f} MB, and", "are")

    def _wait_after(self, error: Exception) -> None:
        self._break()
        if self._came - self._came_at_break >= _PROGRESS:
            self._tries = 0
        self._came_at_break = self._came
        if self._tries == len(self._waits):
            got = f"after {self._came / 1e6:,.1f} MB and " if self._came else "after "
            raise UserError(f"{self.shown}: {_reason(error)}, {got}{self._tries + 1} tries; try again later")
        time.sleep(self._waits[self._tries])
        self._tries += 1

    def _break(self) -> None:
        if self._response is not None:
            self._response.close()
        self._response = None

    def _changed(self) -> UserError:
        return UserError(f"{self.shown}: the file was changed while it came; run the same command again")

    def _too_large(self, found: str, are: str) -> UserError:
        allowed = f"{self._limit / 1e6:,.1f} MB {are} allowed"
        return UserError(f"{self.shown}: {found} {allowed}; raise --limit if the file is right")


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() else None


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
    return text[0].lower() + text[1:]


def _without_secrets(url: str) -> str:
    """The URL as it may be shown: signatures and passwords stand in the query and before the host."""
    try:
        return str(httpx.URL(url).copy_with(userinfo=b"", query=None, fragment=None))
    except httpx.InvalidURL:
        return url[:80]
