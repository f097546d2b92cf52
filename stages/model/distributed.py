"""A phase trained by several processes: accelerate starts this module once for each of them.

The first process writes what comes out. On several machines, whose folders must be shared, start it on each of them:
accelerate launch --config_file FILE --machine_rank N -m stages.model.distributed .../job.json
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from .. import files
from ..errors import UserError
from . import determinism

if TYPE_CHECKING:
    from . import phases

Launch = Literal["single", "ddp", "fsdp"]
CONFIGURATIONS = Path(__file__).parent / "accelerate"
_ERROR = "error-{rank}.txt"


def launcher(launch: Launch, processes: int) -> phases.Launcher:
    """What trains a phase: this process, or so many others."""
    import torch

    from . import phases

    if launch == "single":
        return phases.train
    if processes < 2:
        raise UserError(f"model_adapter.launch={launch} with processes={processes}: give at least 2, or launch=single")
    if launch == "fsdp" and not torch.cuda.is_available():
        raise UserError("model_adapter.launch=fsdp needs GPUs; on CPUs take launch=ddp")
    return lambda job: _launched(job, CONFIGURATIONS / f"{launch}.yaml", processes)


def _launched(job: phases.Job, configuration: Path, processes: int) -> None:
    """Train a phase in processes of their own. Raises UserError with what one of them had to say."""
    import torch

    place = Path(job.checkpoints)
    place.mkdir(parents=True, exist_ok=True)
    for error in place.glob(_ERROR.format(rank="*")):
        error.unlink()
    job.write(place / "job.json")
    command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(configuration)]
    command += ["--num_processes", str(processes), "-m", f"{__package__}.distributed", str(place / "job.json")]
    environment = {**os.environ, "ACCELERATE_USE_CPU": str(not torch.cuda.is_available()).lower()}
    # The processes say what they have to say on stdout; what the launcher adds when one fails is only kept.
    with (place / "launch.log").open("wb") as log:
        done = subprocess.run(command, env=environment, stderr=log, check=False)
    for error in place.glob(_ERROR.format(rank="*")):
        raise UserError(error.read_text(encoding="utf-8"))
    if done.returncode:
        end = (place / "launch.log").read_text(encoding="utf-8", errors="replace")[-4000:]
        raise RuntimeError(f"{' '.join(command)}: exit code {done.returncode}\n{end}")


def main(job_file: Path) -> None:
    """Train the phase that a job describes, as one of several processes."""
    from . import phases

    job = phases.Job.read(job_file)
    determinism.pin_environment(job.threads)
    sys.stderr = sys.stdout  # where the progress bar goes
    try:
        phases.train(job)
    except UserError as error:
        path = Path(job.checkpoints) / _ERROR.format(rank=os.environ.get("RANK", "0"))
        with files.published_file(path) as temporary:
            temporary.write_text(str(error), encoding="utf-8")
        raise SystemExit(2) from None


if __name__ == "__main__":
    main(Path(sys.argv[1]))
