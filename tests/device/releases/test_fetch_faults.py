"""Whatever goes wrong while a release is fetched: what is in use is whole, and is the old one or the new one.

40 faults in the quick suite, 1,000 in the slow one, the same for a number every time.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest

from stages.device.releases import download, fetch, installed, release
from stages.errors import UserError
from tests.device.releases import making

ROOT = Path(__file__).parents[3]
GGUF = "lamp-nano-Q4_K_M.gguf"
WRITES = ("fsync", "mkdir", "rename", "replace", "symlink", "utime")


class Fetcher:
    """Fetches in a process that can be killed."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.device.releases.fetch_process"],
            cwd=ROOT,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def run(self, home: Path, source: Path | str | None, **moment: float) -> int:
        """How it ended. moment: `event` or `seconds`, when it is to be killed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        job = {"home": str(home), "source": None if source is None else str(source), **moment}
        print(json.dumps(job), file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()


@dataclass
class Scene:
    """A device with v1.0.0 (and v1.1.0 before it, in `homes["both"]`), and v1.1.0 as file and as folder."""

    homes: dict[str, Path]
    tar: bytes
    folder: Path
    old: str
    new: str
    fetcher: Fetcher
    work: Path
    home: Path = Path()
    random: Random = field(default_factory=Random)

    def path(self, name: str) -> Path:
        return self.work / name

    def file(self, data: bytes) -> Path:
        self.path("x.tar").write_bytes(data)
        return self.path("x.tar")

    def copy(self) -> Path:
        return Path(shutil.copytree(self.folder, self.path("folder")))

    def fetch(self, source: Path | str) -> bool:
        """Whether it is said to have worked."""
        try:
            fetch.fetch_release(self.home, str(source), None, 3, 1 << 30)
        except UserError as error:
            line = str(error)
            assert "\n" not in line
            assert line.endswith("(lamp-nano v1.0.0 (Q4_K_M) stays in use)"), line
            return False
        return True


# Each damages something and fetches; whether that is said to have worked. None: it was killed.
Fault = Callable[[Scene], bool | None]


def cut_tar(scene: Scene) -> bool:
    return scene.fetch(scene.file(scene.tar[: scene.random.randrange(len(scene.tar))]))


def flip(data: bytes, random: Random) -> bytes:
    flipped = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 50))):
        flipped[random.randrange(len(flipped))] ^= 1 << random.randrange(8)
    return bytes(flipped)


def flipped_tar(scene: Scene) -> bool:
    return scene.fetch(scene.file(flip(scene.tar, scene.random)))


def lost_block(scene: Scene) -> bool:
    begin = scene.random.randrange(len(scene.tar))
    end = min(len(scene.tar), begin + scene.random.choice((1, 512, 4096, 100_000)))
    gap = scene.random.choice((b"", bytes(end - begin)))
    return scene.fetch(scene.file(scene.tar[:begin] + gap + scene.tar[end:]))


def flipped_file(scene: Scene) -> bool:
    file = scene.copy() / scene.random.choice(sorted(path.name for path in scene.folder.iterdir()))
    file.write_bytes(flip(file.read_bytes(), scene.random))
    return scene.fetch(file.parent)


def other_files(scene: Scene) -> bool:
    folder, random = scene.copy(), scene.random
    one, two = random.sample(sorted(folder.iterdir()), 2)
    match random.choice(("missing", "more", "swapped", "empty", "old")):
        case "missing":
            one.unlink()
        case "more":
            (folder / random.choice(("more", ".hidden", "safety"))).write_text("more")
        case "swapped":
            first, second = one.read_bytes(), two.read_bytes()
            one.write_bytes(second)
            two.write_bytes(first)
        case "empty":
            one.write_bytes(b"")
        case "old":  # a file of the release before
            now = installed.current(scene.home)
            assert now is not None
            (folder / GGUF).write_bytes(now.gguf.read_bytes())
    as_tar = random.random() < 0.5 and (folder / release.MANIFEST).exists()
    return scene.fetch(making.packed(folder, scene.path("x.tar")) if as_tar else folder)


def signed_lie(scene: Scene) -> bool:
    """All sums are right, but it is not what it says, or does not work here."""
    folder, random, changes = scene.copy(), scene.random, {}
    match random.choice(("lineage", "tokens", "grammar", "no model", "old model", "format")):
        case "lineage":
            lineage = json.loads((folder / release.LINEAGE).read_bytes())
            lineage[random.choice(release.CHAIN)] = "0" * 32
            (folder / release.LINEAGE).write_text(json.dumps(lineage))
            changes = {"lineage": lineage}
        case "tokens":
            check = json.loads((folder / release.TOKENIZER_CHECK).read_bytes())
            random.choice(check["texts"])["tokens"].append(random.randrange(500))
            (folder / release.TOKENIZER_CHECK).write_text(json.dumps(check))
        case "grammar":
            (folder / release.GRAMMAR).write_text(random.choice(("", "root ::= (", 'root ::= "{}"', "\xff")))
        case "no model":
            (folder / GGUF).write_bytes(b"GGUF" + random.randbytes(random.randrange(1000)))
        case "old model":
            now = installed.current(scene.home)
            assert now is not None
            (folder / GGUF).write_bytes(now.gguf.read_bytes())
        case "format":
            changes = random.choice(({"format": 2}, {"name": "../evil"}, {"version": "v1"}, {"gguf": "README.md"}))
    making.sign_again(folder, **changes)
    return scene.fetch(folder)


def broken_line(scene: Scene) -> bool:
    """Connections that break, and at last one that does not, or none."""
    random, size = scene.random, len(scene.tar)
    steps = [random.choice((making.cut(random.randrange(size), random.random() < 0.5), making.says(503)))]
    steps *= random.randrange(1, 4)
    steps.append(random.choice((making.whole, making.whole, making.without_range, making.cut(10))))
    with making.shop(scene.tar, *steps) as shop:
        return scene.fetch(shop.url)


def lying_server(scene: Scene) -> bool:
    random, size = scene.random, len(scene.tar)
    garbage = random.randbytes(random.randrange(1, 100_000))
    first = random.choice(
        (
            making.says(random.choice((404, 500, 204, 206, 416))),
            making.length(str(random.randrange(2 * size))),
            making.length("-1"),
            making.other(garbage),
            making.raw(garbage),
            making.cut(random.randrange(size)),
        )
    )
    then = random.choice((making.other(garbage), making.other(flip(scene.tar, random)), making.length("7")))
    with making.shop(scene.tar, first, then) as shop:
        return scene.fetch(shop.url)


def full_disk(scene: Scene) -> bool:
    """Nothing more can be written from some moment on."""
    with limited(scene.random) if scene.random.random() < 0.5 else failing(scene.random):
        return scene.fetch(scene.folder)


@contextmanager
def limited(random: Random) -> Iterator[None]:
    """The kernel writes no file beyond some byte."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (random.randrange(1, 600_000), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def failing(random: Random) -> Iterator[None]:
    """The so-manieth step that changes the disk fails, and all that follow."""
    left = random.randrange(1, 30)

    def failing_one(name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if left <= 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(*arguments, **options)

        return call

    with pytest.MonkeyPatch.context() as patched:
        for name in WRITES:
            patched.setattr(os, name, failing_one(name))
        yield


def moment(random: Random) -> dict[str, float]:
    match random.randrange(3):
        case 0:
            return {"event": random.randrange(1, 76)}  # a fetch has 72
        case 1:
            return {"event": random.randrange(48, 76)}  # around the switch from one model to the other
        case _:
            return {"seconds": random.uniform(0, 0.3)}


def killed(scene: Scene) -> bool | None:
    source = scene.random.choice((scene.folder, scene.file(scene.tar)))
    return {0: True, 2: False, -9: None}[scene.fetcher.run(scene.home, source, **moment(scene.random))]


def killed_going_back(scene: Scene) -> bool | None:
    scene.home = making.copied(scene.homes["both"], scene.path("both"))
    return {0: True, -9: None}[scene.fetcher.run(scene.home, None, **moment(scene.random))]


def back_to_damaged(scene: Scene) -> bool:
    scene.home = making.copied(scene.homes["both"], scene.path("both"))
    before = installed.previous(scene.home)
    assert before is not None
    file = before.folder / scene.random.choice(sorted(before.manifest.files))
    file.write_bytes(flip(file.read_bytes(), scene.random))
    try:
        fetch.go_back(scene.home)
    except UserError:
        return False
    return True


FAULTS: dict[Fault, int] = {
    cut_tar: 14, flipped_tar: 14, lost_block: 6, flipped_file: 8, other_files: 10, signed_lie: 8, broken_line: 10,
    lying_server: 10, full_disk: 10, killed: 6, killed_going_back: 2, back_to_damaged: 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def scene(old_tar: Path, new_tar: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("faults")
    for name, tars in (("old", [old_tar]), ("both", [new_tar, old_tar])):
        for tar in tars:
            fetch.fetch_release(folder / name, str(tar), None, 3, 1 << 30)
    unpacked = making.unpacked(new_tar, folder / "new")
    fetcher = Fetcher()
    yield Scene(
        homes={"old": folder / "old", "both": folder / "both"},
        tar=new_tar.read_bytes(),
        folder=unpacked,
        old=making.identity(folder / "old"),
        new=release.identity((unpacked / release.MANIFEST).read_bytes()),
        fetcher=fetcher,
        work=folder / "work",
    )
    fetcher.close()


def inject(scene: Scene, number: int) -> tuple[str, str]:
    """Fault `number`, and that it did no harm. Returns its kind and how it ended."""
    scene.random = Random(f"fault {number}")
    (fault,) = scene.random.choices(list(FAULTS), list(FAULTS.values()))
    shutil.rmtree(scene.work, ignore_errors=True)
    scene.work.mkdir()
    scene.home = making.copied(scene.homes["old"], scene.path("home"))
    worked = fault(scene)
    told = f"fault {number}: {fault.__name__}"
    in_use = making.identity(scene.home)
    assert in_use in {True: (scene.new,), False: (scene.old,), None: (scene.old, scene.new)}[worked], told
    assert worked is None or not (scene.home / "incoming").exists(), told
    # The next one finds nothing in its way.
    fetch.fetch_release(scene.home, str(scene.folder), None, 3, 1 << 30)
    assert not (scene.home / "incoming").exists()
    assert making.identity(scene.home) == scene.new
    return fault.__name__, {None: "killed", True: "new", False: "old"}[worked]


def inject_all(scene: Scene, faults: int, capsys: pytest.CaptureFixture[str]) -> Counter[tuple[str, str]]:
    ends = Counter(inject(scene, number) for number in range(faults))
    with capsys.disabled():
        print()
        for fault in FAULTS:
            print(f"{fault.__name__:20}", *(f"{end} {ends[fault.__name__, end]:4}" for end in ("old", "new", "killed")))
    return ends


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """New tries come at once."""
    monkeypatch.setattr(download, "WAITS", (0.0,) * 3)


def test_forty_faults_leave_a_verified_model_in_use(
    scene: Scene, patient: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert inject_all(scene, 40, capsys).total() == 40


@pytest.mark.slow
def test_a_thousand_faults_leave_a_verified_model_in_use(
    scene: Scene, patient: None, capsys: pytest.CaptureFixture[str]
) -> None:
    ends = inject_all(scene, 1000, capsys)
    kinds = Counter[str]()
    for (kind, _), count in ends.items():
        kinds[kind] += count
    assert min(kinds[fault.__name__] for fault in FAULTS) >= 10
    # The faults are real ones: most keep the new release away.
    assert all(ends[fault.__name__, "old"] for fault in FAULTS if fault not in (killed, killed_going_back))
    assert sum(count for (_, end), count in ends.items() if end == "killed") >= 36
    assert sum(count for (_, end), count in ends.items() if end == "old") >= 600


def test_a_disk_that_is_really_full_leaves_the_old_model_in_use(old_tar: Path, new_tar: Path, tmp_path: Path) -> None:
    script = tmp_path / "fetch.py"
    script.write_text(
        "import sys; from pathlib import Path\n"
        "from stages.device.releases import fetch, unpacking; from tests.device.releases import making\n"
        "home, old, new = Path(sys.argv[1]) / 'home', *sys.argv[2:]\n"
        "unpacking._refuse_full_disk = lambda *_: None  # it would not even begin\n"
        "fetch.fetch_release(home, old, None, 3, 1 << 30)\n"
        "before = making.identity(home)\n"
        "try: fetch.fetch_release(home, new, None, 3, 1 << 30)\n"
        "except Exception as error: print(error)\n"
        "assert making.identity(home) == before\n"
    )
    room = f"size={int(1.6 * old_tar.stat().st_size)}"
    mount = f'mount -t tmpfs -o {room} none "$1" && shift && exec "$@"'
    (tmp_path / "disk").mkdir()
    command = [sys.executable, str(script), str(tmp_path / "disk"), str(old_tar), str(new_tar)]
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh", str(tmp_path / "disk"), *command],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip(f"no file system of one's own here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    assert "the disk is full; free some space" in done.stdout
    assert "(lamp-nano v1.0.0 (Q4_K_M) stays in use)" in done.stdout
