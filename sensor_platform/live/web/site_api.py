"""What the page and other programs ask about the process itself: settings, metrics, health, OpenAPI."""

from collections.abc import Callable
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.requests import Request
from starlette.responses import Response

from sensor_platform.alert.config import AlertConfig
from sensor_platform.kernel.durations import duration
from sensor_platform.live.config import LiveConfig
from sensor_platform.live.engine.view import SPARKS
from sensor_platform.live.monitor.health import HealthChecks
from sensor_platform.live.web.openapi import description
from sensor_platform.live.web.responses import Json


class SiteApi:
    """Endpoints that describe the site."""

    def __init__(self, site: str, config: LiveConfig, alerts: AlertConfig, units: Callable[[], dict[str, str]]) -> None:
        """Describe the site.

        Args:
            site: its name.
            config: section `live` of site.yaml.
            alerts: of rules.yaml.
            units: returns the unit of each metric.
        """
        self._site = site
        self._config = config
        self._alerts = alerts
        self._units = units

    async def settings(self, _request: Request) -> Response:
        """Return what the page needs to know about the site."""
        config, rules = self._config, self._alerts.rules
        settings: dict[str, Any] = {
            "site": self._site,
            "dagster_url": config.dagster_url,
            "windows": [spec.name for spec in config.engine.windows],
            "units": self._units(),
            "kinds": {rule.name: str(rule.__struct_config__.tag) for rule in rules},
            "runbooks": {rule.name: rule.runbook for rule in rules if rule.runbook},
            "trend_windows": SPARKS,
            "silent_seconds": duration(config.silent_after) / 1e6,
            "most_series": config.engine.most_series,
        }
        return Json(settings)

    async def openapi(self, _request: Request) -> Response:
        """Return the OpenAPI document."""
        return Json(description(self._config.ingest_topic))


class MonitoringApi:
    """Endpoints for Prometheus and for probes."""

    def __init__(self, registry: CollectorRegistry, health: HealthChecks) -> None:
        self._registry = registry
        self._health = health

    async def metrics(self, _request: Request) -> Response:
        """Return all metrics as text."""
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)

    async def alive(self, _request: Request) -> Response:
        """Return the health of this process."""
        code, body = self._health.alive()
        return Json(body, code)

    async def ready(self, _request: Request) -> Response:
        """Return the health of this process and of its dependencies."""
        code, body = self._health.ready()
        return Json(body, code)
