"""Sections of a site that this room needs, as a protocol: `site` imports rooms that this one must not import."""

from typing import Protocol

from sensor_platform.predict.anomaly.config import AnomalyConfig
from sensor_platform.predict.forecast.config import ForecastConfig
from sensor_platform.predict.supervised.config import TaskConfig
from sensor_platform.warehouse.config import WarehouseSite


class PredictSite(WarehouseSite, Protocol):
    """Implemented by `site.Site`."""

    @property
    def forecast(self) -> ForecastConfig:
        """Section `forecast` of site.yaml."""

    @property
    def anomaly(self) -> AnomalyConfig:
        """Section `anomaly` of site.yaml."""

    @property
    def supervised(self) -> tuple[TaskConfig, ...]:
        """Section `supervised` of site.yaml."""
