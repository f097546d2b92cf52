"""What the tests of MLflow runs share."""

from __future__ import annotations

from pathlib import Path

import pytest

from stages.tracking import runs


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database without runs: making its tables takes seconds."""
    root = tmp_path_factory.mktemp("prepared")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("DVC_ROOT", str(root))
        patched.delenv("MLFLOW_TRACKING_URI", raising=False)
        runs._client("unused")
    return root / "mlruns" / "mlflow.db"
