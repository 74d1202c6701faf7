"""The web application: page, WebSocket, API, metrics and health behind one gate."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from sensor_platform.live.config import LiveConfig
from sensor_platform.live.web import security
from sensor_platform.live.web.alerts_api import AlertsApi
from sensor_platform.live.web.history_api import HistoryApi
from sensor_platform.live.web.post_api import IngestApi, PredictApi
from sensor_platform.live.web.readings_api import ReadingsApi
from sensor_platform.live.web.responses import Endpoint, with_errors
from sensor_platform.live.web.site_api import MonitoringApi, SiteApi
from sensor_platform.live.web.small_pages import LoginPage
from sensor_platform.live.web.socket import Hub

STATIC = Path(__file__).parent / "static"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Everything that answers requests."""

    hub: Hub
    site: SiteApi
    monitoring: MonitoringApi
    readings: ReadingsApi
    history: HistoryApi
    alerts: AlertsApi
    ingest: IngestApi
    predict: PredictApi
    login: LoginPage


def make_web_app(
    endpoints: Endpoints, config: LiveConfig, token: str, start: Callable[[], None], stop: Callable[[], None]
) -> ASGIApp:
    """Make the application.

    Args:
        endpoints: that answer the requests.
        config: section `live` of site.yaml.
        token: that requests need; empty for none.
        start: called before the first request.
        stop: called after the last request.
    """

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        endpoints.hub.begin()
        try:
            await asyncio.to_thread(start)
            yield
        finally:
            await asyncio.to_thread(stop)

    app = Starlette(routes=_routes(endpoints), lifespan=lifespan)
    public_host = urlsplit(config.public_url).hostname
    hosts = [config.host, *([public_host] if public_host else [])]
    rates = security.Rates(config.requests_per_second, config.requests_per_second * 2)
    return security.Gate(app, token, hosts, config.most_body_bytes, rates)


def _routes(endpoints: Endpoints) -> list[Route | Mount | WebSocketRoute]:
    def get(path: str, endpoint: Endpoint) -> Route:
        return Route(path, with_errors(endpoint), methods=["GET"])

    def post(path: str, endpoint: Endpoint) -> Route:
        return Route(path, with_errors(endpoint), methods=["POST"])

    return [
        get("/", _page),
        get("/metrics", endpoints.monitoring.metrics),
        get("/healthz", endpoints.monitoring.alive),
        get("/readyz", endpoints.monitoring.ready),
        get("/openapi.json", endpoints.site.openapi),
        get("/api/settings", endpoints.site.settings),
        get("/api/devices", endpoints.readings.devices),
        get("/api/latest", endpoints.readings.latest),
        get("/api/history", endpoints.history.history),
        get("/api/recent", endpoints.history.recent),
        get("/api/alerts", endpoints.alerts.alerts),
        post("/api/alerts/{alert_id}/{answer}", endpoints.alerts.answer_alert),
        post("/api/predict/{name}", endpoints.predict.predict),
        post("/ingest", endpoints.ingest.ingest),
        Route("/login", endpoints.login.login, methods=["GET", "POST"]),
        Route("/answer", endpoints.alerts.answer_page, methods=["GET", "POST"]),
        WebSocketRoute("/ws", endpoints.hub.serve),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]


async def _page(_request: Request) -> Response:
    return FileResponse(STATIC / "index.html")
