"""Releases to be fetched, of a model that answers, and a server on loopback that hands them out well or badly."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from stages.device.releases import installed, release, unpacking
from stages.device.releases.bundle import bundle, write_tar
from stages.model import gguf

ASKING = {"request_template": "Lamp program: {prompt}", "follow_up_template": "Now: {running}\nLamp program: {prompt}"}


def model_folder(folder: Path, plain: Path, system: str, **lineage: str) -> Path:
    """What model_gguf writes, of the GGUF file `plain`: the file with its lineage, a model card, a manifest."""
    chain = {
        "trainset": "1" * 32 + ".dir",
        "base": "2" * 32 + ".dir",
        "adapter": "3" * 32,
        "params": "4" * 64,
    } | lineage
    folder.mkdir(parents=True)
    gguf.add_metadata(plain, folder / "lamp-nano-Q4_K_M.gguf", {"system_prompt": system, **ASKING, **chain})
    (folder / "README.md").write_text("# lamp-nano\n")
    entries = {
        path.name: {"sha256": release.sha256(path), "bytes": path.stat().st_size} for path in sorted(folder.iterdir())
    }
    (folder / "manifest.json").write_text(json.dumps({"lineage": chain, "files": entries}))
    return folder


def bundled(models: Path, out: Path, version: str = "v1.0.0", *options: str) -> Path:
    """The release that `lampforge bundle` makes."""
    nowhere = str(models / "none")
    arguments = ["--models", str(models), "--version", version, "--out", str(out), "--follow-up", nowhere]
    done = CliRunner().invoke(bundle, [*arguments, "--safety", nowhere, *options])
    assert done.exit_code == 0, done.output
    return out


def made_up(folder: Path, version: str = "v1.0.0", classifiers: tuple[str, ...] = ()) -> Path:
    """A release in `folder` whose model is none: for those who do not load it."""
    chain = dict.fromkeys(release.CHAIN, "1" * 32)
    contents = {
        "lamp-nano-Q4_K_M.gguf": "GGUF" + version * 50_000,
        release.GRAMMAR: "root ::= " + '"a" ' * 1000,
        release.TOKENIZER_CHECK: '{"texts":[{"text":"a","tokens":[1]}]}',
        release.LINEAGE: json.dumps(chain),
        release.CARD: "# lamp-nano\n",
        **{f"{kind}/{kind}.json": kind for kind in classifiers},
    }
    for path, text in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    manifest = {
        "format": release.FORMAT,
        "name": "lamp-nano",
        "version": version,
        "quant": "Q4_K_M",
        "gguf": "lamp-nano-Q4_K_M.gguf",
        "classifiers": {kind: f"{kind}/{kind}.json" for kind in classifiers},
        "lineage": chain,
        "llama_cpp_python": "0.3.36",
    }
    (folder / release.MANIFEST).write_text(json.dumps(manifest))
    sign_again(folder)
    return folder


def unpacked(tar: Path, out: Path) -> Path:
    """A release as a folder."""
    out.mkdir()
    with tar.open("rb") as file:
        unpacking.unpack(unpacking.tar_members(file.read, str(tar)), out, str(tar))
    return out


def packed(folder: Path, out: Path) -> Path:
    """A folder as a tar, whatever is in it."""
    write_tar(folder, out)
    return out


def sign_again(folder: Path, **changes: Any) -> None:
    """Make the manifest fit to what lies in the folder, and change it."""
    path = folder / release.MANIFEST
    content = json.loads(path.read_bytes()) | changes
    content["files"] = {
        file.relative_to(folder).as_posix(): {"sha256": release.sha256(file), "bytes": file.stat().st_size}
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file != path
    }
    path.write_text(json.dumps(content))


def identity(home: Path) -> str:
    """Which release is in use, by the hash of its manifest, every byte of it verified."""
    now = installed.current(home)
    assert now is not None
    installed.verified(now)
    return release.identity((now.folder / release.MANIFEST).read_bytes())


def copied(home: Path, out: Path) -> Path:
    return Path(shutil.copytree(home, out, symlinks=True))


Step = Callable[[BaseHTTPRequestHandler, bytes], None]
"""Answers one request for the bytes."""


@dataclass
class Shop:
    """Hands out `data`. steps: how it answers one request after the other; the last one answers all that follow."""

    data: bytes
    steps: list[Step]
    url: str = ""
    ranges: list[str | None] = field(default_factory=list)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        number = len(self.ranges)
        self.ranges.append(handler.headers.get("Range"))
        handler.close_connection = True
        self.steps[min(number, len(self.steps) - 1)](handler, self.data)


@contextmanager
def shop(data: bytes, *steps: Step) -> Iterator[Shop]:
    selling = Shop(data, list(steps))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            with suppress(BrokenPipeError, ConnectionResetError):  # the client has heard enough
                selling.answer(self)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    selling.url = f"http://127.0.0.1:{server.server_address[1]}/lamp-nano-v1.1.0-Q4_K_M.tar"
    try:
        yield selling
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def whole(handler: BaseHTTPRequestHandler, data: bytes) -> None:
    """As it should be, Range and all."""
    begin = _head(handler, data)
    handler.wfile.write(data[begin:])


def without_range(handler: BaseHTTPRequestHandler, data: bytes) -> None:
    """All of it, whatever part was asked for."""
    _headers(handler, 200, {"Content-Length": len(data)})
    handler.wfile.write(data)


def cut(after: int, reset: bool = False) -> Step:
    """The connection breaks after so many bytes of the answer. reset: with no word of farewell."""

    def step(handler: BaseHTTPRequestHandler, data: bytes) -> None:
        begin = _head(handler, data)
        handler.wfile.write(data[begin : begin + after])
        handler.wfile.flush()
        if reset:
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()

    return step


def says(status: int, **headers: str) -> Step:
    """Nothing but a status."""

    def step(handler: BaseHTTPRequestHandler, data: bytes) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        _headers(handler, status, {"Content-Length": 0, **named})

    return step


def length(claimed: str) -> Step:
    """A wrong Content-Length before the whole."""

    def step(handler: BaseHTTPRequestHandler, data: bytes) -> None:
        _headers(handler, 200, {"Content-Length": claimed})
        handler.wfile.write(data)

    return step


def other(garbage: bytes) -> Step:
    """Other bytes, sent well."""
    return lambda handler, data: whole(handler, garbage)


def raw(garbage: bytes) -> Step:
    """What is no HTTP."""
    return lambda handler, data: handler.wfile.write(garbage) and None


def _head(handler: BaseHTTPRequestHandler, data: bytes) -> int:
    wanted = handler.headers.get("Range")
    begin = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
    if begin > len(data) or (wanted and begin == len(data)):
        _headers(handler, 416, {"Content-Length": 0})
        return len(data)
    headers: dict[str, Any] = {"Content-Length": len(data) - begin}
    if wanted:
        headers["Content-Range"] = f"bytes {begin}-{len(data) - 1}/{len(data)}"
    _headers(handler, 206 if wanted else 200, headers)
    return begin


def _headers(handler: BaseHTTPRequestHandler, status: int, headers: dict[str, Any]) -> None:
    handler.send_response(status)
    handler.send_header("Connection", "close")
    for name, value in headers.items():
        handler.send_header(name, str(value))
    handler.end_headers()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
