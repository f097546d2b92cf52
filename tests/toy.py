"""The whole pipeline at toy size, through the real DVC, in a copy of this repository."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
# One source for each bucket of a mix, one of several turns, and one that repeats rows of another.
SOURCES = [
    "alpaca_cleaned", "alpaca_cot", "code_alpaca", "gsm8k", "boolq", "glaive_function", "tiny_stories", "trivia_qa",
    "red_team", "ultrachat", "ultrafeedback",
]  # fmt: skip
KNOBS: dict[str, dict[str, Any]] = {
    "corpus_sources": {"sources": SOURCES},
    "lamp_prompts": {"total": 330},  # a third of it, 110 rows, is trained on
    "lamp_responses": {"teacher": "rule_based", "import_file": "data/seed/imported_answers.jsonl"},
    "lamp_primer": {"rows": 30},
    "model_base": {
        "hidden_size": 256,
        "layers": 1,
        "intermediate_size": 256,
        "epochs": 2,
        "batch_size": 8,  # 26 steps
        "save_steps": 10,
        "threads": 1,
    },
    "model_adapter": {"rank": 4, "epochs": 1, "batch_size": 8, "save_steps": 10, "threads": 1},  # 13 steps
    "model_gguf": {
        "quants": ["F16", "Q4_K_M"],
        "importance_matrix": "trainset",
        "importance_rows": 20,
        "adapter": True,
    },
    "score_bench": {"quants": ["F16", "Q4_K_M"], "threads": 1, "max_tokens": 200, "hot_seeds": 1},
    "score_quality": {"threads": 1, "max_tokens": 200},
}
START = "start"  # the commit before anything has run
CACHE = Path(".dvc") / "cache"
PATIENCE_S = 1800.0  # whatever takes longer hangs; on a busy machine the whole pipeline took 870


@dataclass(frozen=True)
class Repository:
    """A copy of this repository that nothing outside of can reach, and that reaches nothing outside."""

    root: Path
    home: Path

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "PATH": f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.home),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "DVC_SITE_CACHE_DIR": str(self.home / "site"),
            "GIT_CONFIG_NOSYSTEM": "1",
        }

    def start(self, *command: str, output: Path, **environment: str) -> subprocess.Popen[bytes]:
        """A command in a process group of its own, which can be killed as a whole."""
        with output.open("wb") as log:
            return subprocess.Popen(
                command,
                cwd=self.root,
                env=self.environment() | environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def run(self, *command: str) -> str:
        done = subprocess.run(
            command,
            cwd=self.root,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}"
        return done.stdout

    def commit(self, message: str) -> None:
        self.run("git", "add", "--all")
        self.run("git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--message", message)

    def clone(self, folder: Path, revision: str) -> Repository:
        """Another checkout, with a DVC cache of its own."""
        self.run("git", "clone", "--quiet", "--no-hardlinks", str(self.root), str(folder))
        other = Repository(folder, self.home)
        other.run("git", "checkout", "--quiet", revision)
        return other

    def clone_with_cache(self, folder: Path) -> Repository:
        """A checkout in which nothing has run, but DVC remembers what every stage made of which inputs."""
        other = self.clone(folder, START)
        shutil.copytree(self.root / CACHE, other.root / CACHE)
        return other

    def lock(self) -> dict[str, dict[str, str]]:
        """dvc.lock, as the md5 of each output of each stage; empty when there is none."""
        path = self.root / "dvc.lock"
        stages = yaml.safe_load(path.read_text())["stages"] if path.exists() else {}
        return {name: {out["path"]: out["md5"] for out in entry.get("outs", ())} for name, entry in stages.items()}

    def files(self) -> dict[str, str]:
        """The md5 of everything in the working tree, but for DVC's own notes and compiled modules."""
        own = (".git/", ".dvc/")
        names = ((path, path.relative_to(self.root).as_posix()) for path in self.root.rglob("*") if path.is_file())
        return {
            name: hashlib.md5(path.read_bytes()).hexdigest()
            for path, name in names
            if not name.startswith(own) and "__pycache__" not in name
        }

    def leftovers(self) -> list[str]:
        """Temporary files and checkpoints, of which none may stay when the pipeline is through."""
        return [name for name in self.files() if ".tmp" in name or "checkpoint-" in name]

    def runs(self) -> Counter[tuple[str, str]]:
        """How many MLflow runs there are, by experiment and stage."""
        return Counter(
            self._mlflow(
                "SELECT experiments.name, tags.value FROM runs JOIN experiments USING (experiment_id)"
                " JOIN tags USING (run_uuid) WHERE tags.key = 'lampforge.stage'"
            )
        )

    def points(self, stage: str) -> set[tuple[str, int]]:
        """The curves and figures of a stage that MLflow has: the name and step of each point."""
        return set(
            self._mlflow(
                "SELECT metrics.key, step FROM metrics JOIN tags USING (run_uuid)"
                f" WHERE tags.key = 'lampforge.stage' AND tags.value = '{stage}'"
            )
        )

    def _mlflow(self, query: str) -> list[Any]:
        path = self.root / "mlruns" / "mlflow.db"
        if not path.exists():
            return []
        with closing(sqlite3.connect(path)) as database:
            return database.execute(query).fetchall()


def outputs(*stages: dict[str, Any]) -> list[str]:
    """What stages of dvc.yaml write."""
    listed = [out for stage in stages for kind in ("outs", "metrics", "plots") for out in stage.get(kind, ())]
    return [next(iter(out)) if isinstance(out, dict) else out for out in listed]


def pipeline(root: Path = ROOT) -> dict[str, dict[str, Any]]:
    """The stages of a repository's dvc.yaml, in their order; a matrix as the stages that DVC makes of it."""
    sources = yaml.safe_load((root / "params.yaml").read_text())["corpus_sources"]["sources"]
    found = {}
    for name, entry in yaml.safe_load((root / "dvc.yaml").read_text())["stages"].items():
        if "matrix" in entry:
            text = json.dumps(entry)
            found |= {f"{name}@{key}": json.loads(text.replace("${item.source}", key)) for key in sources}
        else:
            found[name] = entry
    return found


def make(folder: Path) -> Repository:
    """The toy repository in `folder`, reproduced once."""
    made = Repository(folder / "repository", folder / "home")
    made.root.mkdir()
    made.home.mkdir()
    _copy_repository(made.root)
    _turn_the_knobs(made.root / "params.yaml")
    made.run("git", "init", "--quiet", "--initial-branch", "main")
    made.commit("toy")
    made.run("git", "tag", START)
    made.run("dvc", "repro")
    return made


def _copy_repository(target: Path) -> None:
    """What git tracks here, and what it would: the tree as it is, without what the pipeline made."""
    made = ("dvc.lock", *(f"{out}/" for out in outputs(*pipeline().values())))
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in listed.rstrip("\0").split("\0"):
        if f"{name}/".startswith(made) or not (ROOT / name).is_file():
            continue
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target / name)


def _turn_the_knobs(params: Path) -> None:
    knobs = yaml.safe_load(params.read_text())
    for section, values in KNOBS.items():
        assert values.keys() <= knobs[section].keys()
        knobs[section].update(values)
    params.write_text(yaml.safe_dump(knobs, sort_keys=False))
