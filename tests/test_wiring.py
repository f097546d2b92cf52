"""The rules of the house that a machine can check: names, imports, dependencies, sizes."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
STAGE_PREFIXES = ("lamp_", "corpus_", "model_", "score_", "report")
SHARED_KNOBS = {"corpus_sources.sources", "corpus_mixes.buckets", "lamp_trainset.versions", "score_dataset.licence"}
UNTRACKED_KNOBS = {"sources", "executor"}  # the matrix itself, and what no byte hangs on
STAGES = sorted(path.stem for path in (ROOT / "stages").glob("*.py") if path.stem.startswith(STAGE_PREFIXES))
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())
MODULES = sorted((ROOT / "stages").rglob("*.py"))


def local_imports(path: Path) -> set[Path]:
    """The modules of this repository that a file imports relatively, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if not (isinstance(node, ast.ImportFrom) and node.level):
            continue
        base = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
        candidates = [base.with_suffix(".py"), *(base / f"{alias.name}.py" for alias in node.names)]
        found |= {candidate for candidate in candidates if candidate.is_file()}
    return found


def closure(path: Path) -> set[Path]:
    """A module and all that it imports, directly or not."""
    seen: set[Path] = set()
    pending = [path]
    while pending:
        module = pending.pop()
        if module not in seen:
            seen.add(module)
            pending.extend(local_imports(module))
    return seen


def test_every_stage_file_is_a_dvc_stage_and_every_dvc_stage_a_file() -> None:
    assert sorted(PIPELINE["stages"]) == STAGES


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_has_a_description_a_params_section_and_a_test_file(stage: str) -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    assert PIPELINE["stages"][stage]["desc"]
    assert stage in params
    if "matrix" in PIPELINE["stages"][stage]:
        knobs = {key for key in params[stage] if key not in UNTRACKED_KNOBS}
        assert {key for key in knobs if f"${{{stage}.{key}" in PIPELINE["stages"][stage]["cmd"]} == knobs
        return
    own, *others = PIPELINE["stages"][stage]["params"]
    assert own == stage
    assert set(others) <= SHARED_KNOBS  # some stages go by a list or table of another one
    assert (ROOT / "tests" / f"test_{stage}.py").is_file()


def test_params_has_no_section_without_a_stage() -> None:
    assert sorted(yaml.safe_load((ROOT / "params.yaml").read_text())) == STAGES


@pytest.mark.parametrize("stage", STAGES)
def test_dvc_knows_every_module_that_a_stage_runs(stage: str) -> None:
    entry = PIPELINE["stages"][stage]
    used = closure(ROOT / "stages" / f"{stage}.py")
    # A stage may run a module as a process of its own; its command names it nowhere, its source does.
    for module in re.findall(r'\{__package__\}\.([\w.]+)"', (ROOT / "stages" / f"{stage}.py").read_text()):
        used |= closure(ROOT / "stages" / (module.replace(".", "/") + ".py"))
    wanted = {path.relative_to(ROOT).as_posix() for path in used}
    listed = {dep for dep in entry["deps"] if dep.endswith(".py")}
    # A package may stand for all its modules.
    packages = [dep for dep in entry["deps"] if dep.startswith("stages/") and (ROOT / dep / "__init__.py").is_file()]
    assert listed == {path for path in wanted if not any(path.startswith(f"{package}/") for package in packages)}
    assert all(any(path.startswith(f"{package}/") for path in wanted) for package in packages)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_imports_no_other_stage(stage: str) -> None:
    others = {ROOT / "stages" / f"{other}.py" for other in STAGES if other != stage}
    assert not closure(ROOT / "stages" / f"{stage}.py") & others


@pytest.mark.parametrize("package", ["lamp", "corpus", "model", "device", "tracking"])
def test_a_knowledge_package_imports_no_stage(package: str) -> None:
    stages = {ROOT / "stages" / f"{stage}.py" for stage in STAGES}
    for module in (ROOT / "stages" / package).rglob("*.py"):
        assert not closure(module) & stages, module


def test_the_lamp_does_not_know_the_corpus() -> None:
    for module in (ROOT / "stages" / "lamp").rglob("*.py"):
        assert not any("corpus" in path.parts for path in closure(module)), module


@pytest.mark.parametrize(
    "module", ["device.benchmark.bench", "device.generate", "lamp.brief", "lamp.picture", "lamp.preview"]
)
def test_what_runs_on_the_pi_loads_no_training_library(module: str) -> None:
    code = f"import sys, stages.{module}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    heavy = {"torch", "transformers", "mlflow", "dvc", "trl", "peft", "datasets", "pandas"}
    assert not heavy & set(done.stdout.split())


def test_every_knob_says_what_it_does() -> None:
    lines = (ROOT / "params.yaml").read_text().splitlines()
    seen: set[str] = set()
    for line in lines:
        key = re.match(r"  (\w+):", line)
        if key is None:
            continue
        # The same knob of a second stage may rely on the comment of the first.
        assert "#" in line or key[1] in seen, line
        seen.add(key[1])


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_module_stays_short_and_says_what_it_is_for(path: Path) -> None:
    source = path.read_text()
    assert len(source.splitlines()) <= 400
    if path.stem == "__init__" and not source.strip():
        return
    assert ast.get_docstring(ast.parse(source))


@pytest.mark.parametrize("stage", STAGES)
def test_the_main_of_a_stage_is_a_table_of_contents(stage: str) -> None:
    tree = ast.parse((ROOT / "stages" / f"{stage}.py").read_text())
    main = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "main")
    assert main.end_lineno is not None
    assert main.end_lineno - main.body[0].lineno < 25


def test_no_path_is_written_twice_in_the_pipeline() -> None:
    outs = [
        next(iter(out)) if isinstance(out, dict) else out
        for stage in PIPELINE["stages"].values()
        for kind in ("outs", "metrics", "plots")
        for out in stage.get(kind, ())
    ]
    assert len(outs) == len(set(outs))
