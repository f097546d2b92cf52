"""The running program as it looks, 20 times a second, for those who watch.

Comes in: a WebSocket. Goes out: each frame as 516 bytes, and, if wanted, the state as JSON text whenever it changes.
Always holds: a frame is what the lamp shows when it is sent; who is too slow skips frames, who takes none is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable

from fastapi import WebSocket

from ...lamp.simulator import TICK_MS
from .guarding import SUBPROTOCOL

MOST_WATCHERS = 32
_TICK_S = TICK_MS / 1000
_STATE_S = 0.25
_SLOWEST_S = 5.0
_TRY_AGAIN_LATER = 1013


class Watchers:
    """All who watch the lamp. frame: what it shows now. state: as JSON text; version: changes whenever that does."""

    def __init__(self, frame: Callable[[], bytes], state: Callable[[], str], version: Callable[[], Hashable]) -> None:
        self._frame, self._state, self._version = frame, state, version
        self.count = 0

    async def serve(self, socket: WebSocket, with_state: bool) -> None:
        """Send frames until the client goes, or takes none for 5 s."""
        await socket.accept(SUBPROTOCOL if SUBPROTOCOL in socket.scope["subprotocols"] else None)
        if self.count >= MOST_WATCHERS:
            await socket.close(_TRY_AGAIN_LATER, f"{MOST_WATCHERS} are watching already")
            return
        self.count += 1
        sides = [asyncio.create_task(side) for side in (self._send(socket, with_state), _until_gone(socket))]
        try:
            await asyncio.wait(sides, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.count -= 1
            for side in sides:
                side.cancel()
            await asyncio.gather(*sides, return_exceptions=True)

    async def _send(self, socket: WebSocket, with_state: bool) -> None:
        clock = asyncio.get_running_loop().time
        next_at, state_at, known = clock(), -_STATE_S, None
        while True:
            # Who takes nothing for so long is left without a word: there is no room for one.
            async with asyncio.timeout(_SLOWEST_S):
                await socket.send_bytes(self._frame())
                version = self._version() if with_state else None
                if version != known and clock() - state_at >= _STATE_S:
                    await socket.send_text(self._state())
                    known, state_at = version, clock()
            next_at = max(next_at + _TICK_S, clock())
            await asyncio.sleep(next_at - clock())


async def _until_gone(socket: WebSocket) -> None:
    """What a watcher says does not matter; that it goes does."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
