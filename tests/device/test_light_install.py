"""What is installed on a device is enough for all that runs there, and no larger than promised."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from tools import dist

ROOT = Path(__file__).parents[2]
LIMIT_MB = 150
# What only a host does, and the package that it has for it: pictures as files, and a teacher that is paid for.
ON_A_HOST = {
    "lamp.picture": "PIL",
    "lamp.teachers.anthropic_batches": "httpx2",
    "lamp.teachers.anthropic_client": "anthropic",
    "lamp.teachers.anthropic_plain": "anthropic",
}
# Arguments: the package below which the modules are, the file of one of its modules, names that may be imported.
IMPORT_ALL = """
import importlib, json, sys
from pathlib import Path

package, root, allowed = sys.argv[1], Path(sys.argv[2]), set(json.loads(sys.argv[3]))

class Light:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        standard = top in sys.stdlib_module_names or top.startswith("_sysconfigdata")
        if allowed and top not in allowed and not standard:
            raise ModuleNotFoundError(f"{name} is not on a device", name=top)

sys.meta_path.insert(0, Light())
failed = {}
for path in sorted([*(root / "device").rglob("*.py"), *(root / "lamp").rglob("*.py")]):
    module = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
    try:
        importlib.import_module(f"{package}.{module}")
    except ModuleNotFoundError as missing:
        failed[module] = missing.name
print(json.dumps(failed))
"""
ANSWER = """
answering = importlib.import_module(f"{package}.device.answering")
with answering.Answerer(Path(sys.argv[4]), answering.Settings()) as answerer:
    print(json.dumps(answering.as_json(answerer.answer("red"))))
"""


def light_modules() -> list[str]:
    """The modules at the top of what requirements-pi.lock installs."""
    lock = (ROOT / "requirements-pi.lock").read_text()
    locked = {canonicalize_name(name) for name in re.findall(r"(?m)^([\w-]+)==", lock)}
    owners = packages_distributions()
    return [module for module, names in owners.items() if locked & {canonicalize_name(name) for name in names}]


def said(*command: object) -> list[dict[str, object]]:
    """The lines of JSON that a command writes."""
    done = subprocess.run([*map(str, command)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_all_that_runs_on_a_device_runs_on_the_light_install(lamp_gguf: Path) -> None:
    allowed = json.dumps(["stages", *light_modules()])
    command = [sys.executable, "-c", IMPORT_ALL + ANSWER, "stages", ROOT / "stages", allowed, lamp_gguf]
    failed, reply = said(*command)
    assert failed == ON_A_HOST
    assert reply["source"] == "model"
    assert "#FF0000" in json.dumps(reply["program"])


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment as a device has it: the folder that `make dist` fills, and pip."""
    folder = tmp_path_factory.mktemp("device")
    assert dist.main(["--dist", str(folder / "dist")]) == 0
    subprocess.run([sys.executable, "-m", "venv", folder / "lamp"], check=True)
    pip = [folder / "lamp" / "bin" / "pip", "install", "-r", folder / "dist" / "requirements.txt"]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    if "NewConnectionError" in done.stdout + done.stderr:
        pytest.skip("the package index cannot be reached")
    assert done.returncode == 0, done.stderr
    return folder / "lamp"


@pytest.mark.slow
def test_an_installed_device_has_what_it_needs_and_nothing_heavy(device: Path) -> None:
    [site] = device.glob("lib/python3*/site-packages")
    [failed] = said(device / "bin" / "python", "-c", IMPORT_ALL, "lampforge", site / "lampforge", "[]")
    assert failed == ON_A_HOST
    assert not {"torch", "transformers", "mlflow", "dvc", "pandas", "sklearn"} & {path.name for path in site.iterdir()}


@pytest.mark.slow
def test_an_installed_device_answers(device: Path, lamp_gguf: Path, tmp_path: Path) -> None:
    lampforge = device / "bin" / "lampforge"
    shown = subprocess.run([lampforge, "--help"], capture_output=True, text=True, check=True).stdout
    assert {"ask", "fetch", "serve", "bench"} <= set(shown.split())
    [reply] = said(lampforge, "ask", "--json", "--model", lamp_gguf, "--state", tmp_path / "running.json", "red")
    assert reply["source"] == "model" and "#FF0000" in json.dumps(reply["program"])


@pytest.mark.slow
def test_an_installed_device_is_no_larger_than_promised(device: Path) -> None:
    [site] = device.glob("lib/python3*/site-packages")
    came_with_it = re.compile(r"pip|setuptools|pkg_resources|_distutils_hack|distutils-precedence")
    sizes = {
        path.name: sum(file.stat().st_blocks * 512 for file in [path, *path.rglob("*")]) / 2**20
        for path in site.iterdir()
        if not came_with_it.match(path.name)
    }
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:12]
    print(f"{sum(sizes.values()):.0f} MB:", ", ".join(f"{name} {size:.0f}" for name, size in largest))
    assert sum(sizes.values()) <= LIMIT_MB, largest
