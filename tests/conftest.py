"""What must be set before a test imports a library, and the small pipeline that several tests look at."""

import os

import pytest

from tests import toy

# Nothing is fetched, nothing reported, no thread spins.
os.environ.update(
    OMP_WAIT_POLICY="passive",
    HF_HUB_OFFLINE="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    DVC_NO_ANALYTICS="1",
    MLFLOW_DISABLE_TELEMETRY="true",
)
# Set inside a stage of DVC: a test that runs there must not write to that repository's runs.
for name in ("DVC_ROOT", "MLFLOW_TRACKING_URI"):
    os.environ.pop(name, None)


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> toy.Repository:
    """The toy repository, reproduced once."""
    return toy.make(tmp_path_factory.mktemp("flow"))
