"""Libraries whose first import warns (of Python modules that are going away) are imported here, where that is quiet."""

import warnings
from pathlib import Path

import pytest

from sensor_platform_tests.field.live.forecasts import LEARNT, ForecastHome

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import apprise

    apprise.Apprise.instantiate("json://localhost")
    apprise.Apprise.instantiate("mailto://localhost?from=a@example.org&to=b@example.org")


@pytest.fixture(scope="session")
def once_trained(tmp_path_factory: pytest.TempPathFactory) -> ForecastHome:
    """A home whose first model has learnt from all hours before LEARNT."""
    stage = ForecastHome(tmp_path_factory.mktemp("trained"))
    stage.fill(range(LEARNT))
    stage.train(LEARNT + 0.01)
    return stage


@pytest.fixture
def stage(once_trained: ForecastHome, tmp_path: Path) -> ForecastHome:
    """A copy of it."""
    return once_trained.copy(tmp_path)
