"""A stand-in for the Hugging Face hub on this machine, with its wire protocol as far as the libraries use it.

Two servers, as at the real one: the hub itself (information, listings, resolve with redirects) and, at another origin,
the store of large files. Both do as they are told: what is in `faults` for a path is done to the next requests of it.
"""

from __future__ import annotations

import hashlib
import json
import socket
import struct
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "hf_let_in"
STRANGER = "hf_not_let_in"
PAGE = 3
"""Entries of a listing at most, so that listings have pages."""
_SMALL = (".md", ".py", ".yaml", ".gitattributes")


class Answer(NamedTuple):
    """An answer to give instead of the right one."""

    status: int
    headers: dict[str, str] = {}  # noqa: RUF012


class Cut(NamedTuple):
    """So many bytes of the body, then the connection is closed, or reset."""

    after: int
    reset: bool = False


class Request(NamedTuple):
    """What a server was asked for. range: the header, or ""."""

    method: str
    path: str
    range: str
    token: str


@dataclass
class Repository:
    """A data set: its files by branch. gated: only TOKEN may read them."""

    branches: dict[str, dict[str, bytes]]
    gated: bool = False

    def commit(self, branch: str = "main") -> str:
        """The commit of a branch: a hash of what is in it."""
        digest = hashlib.sha1(branch.encode())
        for name, content in sorted(self.branches[branch].items()):
            digest.update(name.encode() + b"\0" + content + b"\0")
        return digest.hexdigest()

    def files(self, revision: str) -> dict[str, bytes] | None:
        """The files of a branch or commit; None if there is no such one."""
        for branch, files in self.branches.items():
            if revision in (branch, self.commit(branch)):
                return files
        return None


@dataclass
class Hub:
    """The data sets, what shall go wrong, and what was asked for. url: HF_ENDPOINT; store: where large files are."""

    url: str = ""
    store: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    faults: dict[str, list[Answer | Cut]] = field(default_factory=lambda: defaultdict(list))
    """By the path of a request: "/datasets/o/n/resolve/<commit>/file", "/store/o/n/file", ..."""
    requests: list[Request] = field(default_factory=list)

    def add(self, hub: str, files: dict[str, bytes], gated: bool = False) -> str:
        """Add a data set; returns its commit."""
        self.repositories[hub] = Repository({"main": files}, gated)
        return self.repositories[hub].commit()

    def fetched(self, hub: str) -> list[str]:
        """The large files of a data set that were asked for, in order."""
        start = f"/store/{hub}/"
        return [r.path.removeprefix(start) for r in self.requests if r.method == "GET" and r.path.startswith(start)]


@contextmanager
def served() -> Iterator[Hub]:
    """A hub without data sets, for as long as the context lasts."""
    hub = Hub()
    servers = []
    for kind in (_HubHandler, _StoreHandler):
        handler = type(kind.__name__, (kind,), {"hub": hub})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        servers.append(server)
    hub.url, hub.store = (f"http://127.0.0.1:{server.server_address[1]}" for server in servers)
    try:
        yield hub
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._serve()

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        url = urlsplit(self.path)
        self.path_asked, self.query = unquote(url.path), parse_qs(url.query)
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        self.hub.requests.append(Request(self.command, self.path_asked, self.headers.get("Range", ""), self.token))
        faults = self.hub.faults.get(f"{self.command} {self.path_asked}") or self.hub.faults.get(self.path_asked)
        fault = faults.pop(0) if faults else None
        if isinstance(fault, Answer):
            self.send(fault.status, fault.headers)
        else:
            self.cut = fault
            self.answer()

    def answer(self) -> None:
        raise NotImplementedError

    def send(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        cut = getattr(self, "cut", None)
        if cut is None:
            self.wfile.write(body)
            return
        self.wfile.write(body[: cut.after])
        self.wfile.flush()
        if cut.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        self.close_connection = True

    def send_json(self, value: Any, headers: dict[str, str] | None = None) -> None:
        self.send(
            200, {"Content-Type": "application/json; charset=utf-8", **(headers or {})}, json.dumps(value).encode()
        )

    def refuse(self, status: int, code: str, message: str) -> None:
        body = json.dumps({"error": message}).encode()
        headers = {"X-Error-Code": code, "X-Error-Message": message, "Content-Type": "application/json"}
        self.send(status, headers, b"" if self.command == "HEAD" else body)


class _HubHandler(_Handler):
    """/api/datasets/<id>[/revision/<rev> | /tree/<rev>[/<path>] | /paths-info/<rev> | /auth-check], and resolve."""

    def answer(self) -> None:
        parts = self.path_asked.strip("/").split("/")
        api = parts[:2] == ["api", "datasets"]
        if parts[:2] == ["api", "resolve-cache"]:
            parts = [*parts[2:5], "resolved", *parts[5:]]
        elif api:
            parts = parts[1:]
        hub, (what, *rest) = "/".join(parts[1:3]), parts[3:] or ["revision", "main"]
        repository = self.hub.repositories.get(hub)
        if repository is None:
            # To those who are not known, it does not say whether there is such a data set.
            return self.refuse(404 if self.token else 401, "RepoNotFound", "Repository not found")
        if self.token not in ("", TOKEN, STRANGER):
            return self.refuse(401, "", "Invalid credentials in Authorization header")
        if what in ("resolve", "auth-check") and repository.gated and self.token != TOKEN:
            message = f"Access to dataset {hub} is restricted."
            return self.refuse(403 if self.token else 401, "GatedRepo", message)
        if what == "auth-check":
            return self.send_json({})
        revision, path = _split_revision(rest)
        files = repository.files(revision)
        if files is None:
            return self.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        commit = next(repository.commit(branch) for branch, found in repository.branches.items() if found is files)
        return getattr(self, f"_{what.replace('-', '_')}")(hub, commit, files, path)

    def _revision(self, hub: str, commit: str, files: dict[str, bytes], _: str) -> None:
        gated = "auto" if self.hub.repositories[hub].gated else False
        siblings = [{"rfilename": name} for name in files]
        self.send_json({
            "_id": "0", "id": hub, "author": hub.split("/")[0], "sha": commit, "private": False, "disabled": False,
            "gated": gated, "downloads": 0, "likes": 0, "tags": [], "siblings": siblings,
            "lastModified": "2024-01-01T00:00:00.000Z", "createdAt": "2024-01-01T00:00:00.000Z",
        })  # fmt: skip

    def _tree(self, hub: str, commit: str, files: dict[str, bytes], folder: str) -> None:
        recursive = self.query.get("recursive", ["false"])[0].lower() in ("true", "1")
        below = _entries(files, folder, recursive)
        if folder and not below:
            return self.refuse(404, "EntryNotFound", f"{folder} does not exist on {commit}")
        start = int(self.query.get("cursor", ["0"])[0])
        headers = {}
        if start + PAGE < len(below):
            flags = f"recursive={str(recursive).lower()}&expand=false&cursor={start + PAGE}"
            headers["Link"] = f'<{self.hub.url}{urlsplit(self.path).path}?{flags}>; rel="next"'
        return self.send_json(below[start : start + PAGE], headers)

    def _paths_info(self, hub: str, commit: str, files: dict[str, bytes], _: str) -> None:
        asked = parse_qs(self.body.decode()).get("paths", [])
        self.send_json([entry for entry in _entries(files, "", True) if entry["path"] in asked])

    def _resolve(self, hub: str, commit: str, files: dict[str, bytes], name: str) -> None:
        if name not in files:
            headers = {"X-Error-Code": "EntryNotFound", "X-Error-Message": "Entry not found", "X-Repo-Commit": commit}
            return self.send(404, headers)
        if name.endswith(_SMALL):
            location = f"/api/resolve-cache/datasets/{hub}/{commit}/{name}"
            return self.send(307, {"Location": location, "X-Repo-Commit": commit})
        size, digest = len(files[name]), hashlib.sha256(files[name]).hexdigest()
        return self.send(302, {
            "Location": f"{self.hub.store}/store/{hub}/{name}?sha256={digest}", "X-Repo-Commit": commit,
            "X-Linked-Size": str(size), "X-Linked-ETag": f'"{digest}"', "Accept-Ranges": "bytes",
        })  # fmt: skip

    def _resolved(self, hub: str, commit: str, files: dict[str, bytes], name: str) -> None:
        content = files[name]
        headers = {"ETag": f'"{_blob(content)}"', "X-Repo-Commit": commit, "Content-Length": str(len(content))}
        self.send(200, headers, content)


class _StoreHandler(_Handler):
    """/store/<id>/<file>?sha256=<of the content>, in ranges if asked; a token has no business here."""

    def answer(self) -> None:
        if self.token:
            return self.send(400, {})
        _, owner, name, file = self.path_asked.strip("/").split("/", 3)
        branches = self.hub.repositories[f"{owner}/{name}"].branches.values()
        contents = {hashlib.sha256(files[file]).hexdigest(): files[file] for files in branches if file in files}
        body = contents[self.query["sha256"][0]]
        if asked := self.headers.get("Range"):
            start = int(asked.removeprefix("bytes=").partition("-")[0])
            return self.send(206, {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}, body[start:])
        return self.send(200, {"Accept-Ranges": "bytes"}, body)


def _split_revision(parts: list[str]) -> tuple[str, str]:
    if parts[:2] == ["refs", "convert"]:
        return "/".join(parts[:3]), "/".join(parts[3:])
    return parts[0], "/".join(parts[1:])


def _entries(files: dict[str, bytes], folder: str, recursive: bool) -> list[dict[str, Any]]:
    """The entries of a listing, as git orders them."""
    start = f"{folder}/" if folder else ""
    found: dict[str, dict[str, Any]] = {}
    for name, content in files.items():
        if not name.startswith(start):
            continue
        parts = name.removeprefix(start).split("/")
        for depth in range(1, len(parts)):
            path = start + "/".join(parts[:depth])
            if recursive or depth == 1:
                found[path] = {"type": "directory", "oid": _blob(path.encode()), "size": 0, "path": path}
        if recursive or len(parts) == 1:
            entry = {"type": "file", "oid": _blob(content), "size": len(content), "path": name}
            if not name.endswith(_SMALL):
                entry["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
            found[name] = entry
    return [found[path] for path in sorted(found)]


def _blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
