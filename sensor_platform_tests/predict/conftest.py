"""Made-up series with known laws, for the predict room."""

import numpy as np
import pytest

from sensor_platform.predict.features import feature_table as features
from sensor_platform.predict.features.matrix import PanelSource
from sensor_platform.predict.forecast.selection.learn import LearnedForecaster, learn
from sensor_platform_tests.predict.stage import Make, hourly

HORIZONS = (1, 6, 24)


@pytest.fixture(scope="session")
def make_hourly() -> Make:
    """Hourly means: one series per device, consecutive hours from 2026-01-01; NaN is a gap."""
    return hourly


@pytest.fixture(scope="session")
def seasonal_noise() -> PanelSource:
    """Daily sine of amplitude 10 with Gaussian noise of sigma 1, 4 devices, 60 days."""
    rng = np.random.default_rng(1)
    hours = np.arange(60 * 24)
    wave = 10 * np.sin(2 * np.pi * hours / 24)
    rows = hourly({f"d{i}": 20 + 5 * i + wave + rng.normal(0, 1, len(hours)) for i in range(4)})
    return PanelSource(features.build(rows))


@pytest.fixture(scope="session")
def of_season(seasonal_noise: PanelSource) -> LearnedForecaster:
    """What is learnt from `seasonal_noise`."""
    found = learn(seasonal_noise, HORIZONS, 14 * 24, seed=7)
    assert found is not None
    return found
