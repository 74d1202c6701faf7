"""What this room needs of a site, without importing it: the site knows rooms that this one must not."""

from typing import Protocol

from sensor_platform.predict.anomaly.config import AnomalyConfig
from sensor_platform.predict.forecast.config import ForecastConfig
from sensor_platform.predict.supervised.config import TaskConfig
from sensor_platform.warehouse.config import WarehouseSite


class PredictSite(WarehouseSite, Protocol):
    """`site.Site` has it all."""

    @property
    def forecast(self) -> ForecastConfig:
        """Section `forecast` of site.yaml."""

    @property
    def anomaly(self) -> AnomalyConfig:
        """Section `anomaly` of site.yaml."""

    @property
    def supervised(self) -> tuple[TaskConfig, ...]:
        """Section `supervised` of site.yaml."""
