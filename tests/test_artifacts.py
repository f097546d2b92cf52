"""The model by its version tag, as the README says it: a real git and a real DVC, over three kinds of remote."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import asyncssh
import boto3
import pytest
import yaml
from moto.server import ThreadedMotoServer

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
GGUF = "models/gguf/lamp-nano-Q4_K_M.gguf"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}


@dataclass
class Host:
    """A repository whose model was made, pushed and tagged twice. versions: the bytes of each."""

    root: Path
    environment: dict[str, str]
    versions: dict[str, bytes] = field(default_factory=dict)

    def run(self, folder: Path, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        where = BIN / command
        done = subprocess.run(
            [str(where) if where.exists() else command, *arguments],
            cwd=folder, env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (command, arguments, done.stdout, done.stderr)
        return done

    @property
    def url(self) -> str:
        """Not the path: DVC would take the files from the cache that lies there, and not from a remote."""
        return self.root.as_uri()


@contextmanager
def sftp_server(key: Path) -> Iterator[int]:
    """An SSH server on loopback that lets in whoever has the key, which is written to `key`. Yields its port."""
    users = asyncssh.generate_private_key("ssh-ed25519")
    users.write_private_key(key)
    key.chmod(0o600)

    class Server(asyncssh.SSHServer):
        def public_key_auth_supported(self) -> bool:
            return True

        def validate_public_key(self, _: str, given: Any) -> bool:
            return bool(given.public_data == users.public_data)

    async def listen() -> asyncssh.SSHAcceptor:
        own = asyncssh.generate_private_key("ssh-ed25519")
        return await asyncssh.listen("127.0.0.1", 0, server_host_keys=[own], server_factory=Server, sftp_factory=True)

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(listen(), loop).result(30)
    try:
        yield server.get_port()
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


@contextmanager
def s3_server() -> Iterator[str]:
    """An S3 server on loopback with the bucket `lamps`. Yields its address."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        with pytest.MonkeyPatch.context() as patched:
            for name, value in CREDENTIALS.items():
                patched.setenv(name, value)
            boto3.client("s3", endpoint_url=f"http://{host}:{port}").create_bucket(Bucket="lamps")
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def environment(folder: Path) -> dict[str, str]:
    """Nothing of this machine's configuration has a part in it."""
    own = {name: str(folder / name.lower()) for name in ("HOME", "DVC_GLOBAL_CONFIG_DIR", "DVC_SITE_CACHE_DIR")}
    names = {f"GIT_{who}_{what}": "lamp@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "GIT_"))}
    return kept | own | names | CREDENTIALS | {"DVC_NO_ANALYTICS": "1", "GIT_CONFIG_NOSYSTEM": "1"}


def make(host: Host, version: str, *remotes: str) -> None:
    """What `dvc repro` and a release do: new bytes, committed, pushed, tagged."""
    (host.root / "seed.bin").write_bytes(Random(version).randbytes(100_000))
    host.run(host.root, "dvc", "repro", "-q")
    host.versions[version] = (host.root / GGUF).read_bytes()
    host.run(host.root, "git", "add", ".")
    host.run(host.root, "git", "commit", "-q", "-m", version)
    for remote in remotes:
        host.run(host.root, "dvc", "push", "-q", "-r", remote)
    host.run(host.root, "gto", "register", "lamp-nano", "--version", version)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Host:
    """With a folder as remote; v1.0.0 is at stage prod, v1.1.0 is the latest."""
    folder = tmp_path_factory.mktemp("artifacts")
    made = Host(folder / "host", environment(folder))
    made.root.mkdir()
    artifact = yaml.safe_load((ROOT / "dvc.yaml").read_text())["artifacts"]["lamp-nano"]
    command = f"mkdir -p models/gguf && cp seed.bin {GGUF} && echo card > models/gguf/README.md"
    stage = {"cmd": command, "deps": ["seed.bin"], "outs": [artifact["path"]]}
    pipeline = {"stages": {"model_gguf": stage}, "artifacts": {"lamp-nano": artifact}}
    (made.root / "dvc.yaml").write_text(yaml.safe_dump(pipeline))
    made.run(made.root, "git", "init", "-q", "-b", "main")
    made.run(made.root, "dvc", "init", "-q")
    made.run(made.root, "dvc", "remote", "add", "-q", "-d", "local", str(folder / "store"))
    make(made, "v1.0.0", "local")
    made.run(made.root, "gto", "assign", "lamp-nano", "--version", "v1.0.0", "--stage", "prod")
    make(made, "v1.1.0", "local")
    return made


def test_a_release_is_two_tags(host: Host) -> None:
    tags = host.run(host.root, "git", "tag").stdout.split()
    assert {"lamp-nano#prod#1", "lamp-nano@v1.0.0", "lamp-nano@v1.1.0"} <= set(tags)


@pytest.mark.parametrize(
    ("wanted", "version"),
    [(["--rev", "v1.0.0"], "v1.0.0"), (["--stage", "prod"], "v1.0.0"), ([], None)],
    ids=["by version", "by stage", "the latest"],
)
def test_an_artifact_comes_as_the_very_bytes(
    host: Host, tmp_path: Path, wanted: list[str], version: str | None
) -> None:
    host.run(tmp_path, "dvc", "artifacts", "get", host.url, "lamp-nano", *wanted, "-o", "models/gguf")
    assert (tmp_path / GGUF).read_bytes() == host.versions[version or max(host.versions)]
    assert (tmp_path / "models" / "gguf" / "README.md").read_text() == "card\n"


def test_a_single_quant_can_be_had_alone(host: Host, tmp_path: Path) -> None:
    host.run(tmp_path, "dvc", "get", host.url, GGUF, "--rev", "lamp-nano@v1.0.0", "-o", "lamp.gguf")
    assert (tmp_path / "lamp.gguf").read_bytes() == host.versions["v1.0.0"]


def test_a_clone_pulls_what_its_tag_says(host: Host, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    host.run(tmp_path, "git", "clone", "-q", host.url, str(clone))
    for version in ("v1.0.0", "v1.1.0"):
        host.run(clone, "git", "checkout", "-q", f"lamp-nano@{version}")
        host.run(clone, "dvc", "pull", "-q", "models/gguf")
        assert (clone / GGUF).read_bytes() == host.versions[version]


@pytest.mark.slow
def test_an_artifact_comes_from_ssh_and_from_s3_too(host: Host, tmp_path: Path) -> None:
    key = tmp_path / "key"
    with sftp_server(key) as port, s3_server() as s3:
        urls = {"ssh": f"ssh://lamp@127.0.0.1:{port}{tmp_path}/store", "s3": "s3://lamps/dvc"}
        for name, url in urls.items():
            host.run(host.root, "dvc", "remote", "add", "-q", name, url)
        host.run(host.root, "dvc", "remote", "modify", "-q", "s3", "endpointurl", s3)
        host.run(host.root, "dvc", "remote", "modify", "-q", "--local", "ssh", "keyfile", str(key))
        make(host, "v1.2.0", "local", *urls)
        for name, options in {"ssh": ["--remote-config", f"keyfile={key}"], "s3": []}.items():
            wanted = ["--rev", "v1.2.0", "--remote", name, *options, "-o", f"{name}/gguf"]
            host.run(tmp_path, "dvc", "artifacts", "get", host.url, "lamp-nano", *wanted)
            assert (tmp_path / name / "gguf" / Path(GGUF).name).read_bytes() == host.versions["v1.2.0"]
