"""The web application: page, WebSocket, API, metrics, health, behind one gate."""

import contextlib
import html
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from sensor_platform.errors import PlatformError
from sensor_platform.kernel.durations import duration
from sensor_platform.live.app import Parts
from sensor_platform.live.engine.view import SPARKS
from sensor_platform.live.monitor.health import Health
from sensor_platform.live.web import answer_links, security
from sensor_platform.live.web.api import Api, Json, told
from sensor_platform.live.web.openapi import description
from sensor_platform.live.web.socket import Hub

STATIC = Path(__file__).parent / "static"
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>
<link rel="stylesheet" href="/static/page.css"><main class="small"><h1>{title}</h1>{body}</main></html>"""


class Site:
    """The endpoints that are no API."""

    def __init__(self, parts: Parts, hub: Hub, health: Health, token: str, secret: bytes) -> None:
        self._parts = parts
        self._hub = hub
        self._health = health
        self._token = token
        self._secret = secret

    async def page(self, _request: Request) -> Response:
        """The one page."""
        return FileResponse(STATIC / "index.html")

    async def socket(self, socket: WebSocket) -> None:
        """The page's WebSocket."""
        await self._hub.serve(socket)

    async def metrics(self, _request: Request) -> Response:
        """For Prometheus."""
        return Response(generate_latest(self._parts.registry), media_type=CONTENT_TYPE_LATEST)

    async def alive(self, _request: Request) -> Response:
        """`/healthz`."""
        code, body = self._health.alive()
        return Json(body, code)

    async def ready(self, _request: Request) -> Response:
        """`/readyz`."""
        code, body = self._health.ready()
        return Json(body, code)

    async def openapi(self, _request: Request) -> Response:
        """The API, described."""
        return Json(description(self._parts.config.ingest_topic))

    async def settings(self, _request: Request) -> Response:
        """What the page needs to know about the site."""
        config = self._parts.config
        return Json(
            {
                "site": self._parts.output.site,
                "dagster_url": config.dagster_url,
                "windows": [spec.name for spec in config.engine.windows],
                "units": dict(self._parts.loop.engine.catalog.units),
                "kinds": {rule.name: str(rule.__struct_config__.tag) for rule in self._parts.output.alerts.rules},
                "runbooks": {rule.name: rule.runbook for rule in self._parts.output.alerts.rules if rule.runbook},
                "trend_windows": SPARKS,
                "silent_seconds": duration(config.silent_after) / 1e6,
                "most_series": config.engine.most_series,
            }
        )

    async def login(self, request: Request) -> Response:
        """Token to cookie."""
        if request.method == "POST":
            form = await _form(request)
            if self._token and security.is_equal(form.get("token", ""), self._token):
                answer = RedirectResponse("/", 303)
                is_https = request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"
                answer.set_cookie(
                    security.COOKIE,
                    security.cookie_of(self._token),
                    max_age=30 * 86_400,
                    httponly=True,
                    samesite="strict",
                    secure=is_https,
                )
                return answer
        form_text = (
            "<form method='post'><label>Token <input name='token' type='password' autofocus autocomplete='off'></label>"
            " <button>Sign in</button></form>"
        )
        return HTMLResponse(_PAGE.format(title="Sign in", body=form_text), 401 if request.method == "POST" else 200)

    async def answer(self, request: Request) -> Response:
        """The page behind a signed link. Looking changes nothing (mail programs look); only its buttons act."""
        query = request.query_params
        alert_id, until, sign = (query.get(name, "") for name in ("alert", "until", "sign"))
        now = self._parts.clock() // 1_000_000
        if not answer_links.is_valid(self._secret, alert_id, until, sign, now):
            return HTMLResponse(_PAGE.format(title="This link is not valid (any more)", body=""), 403)
        said = ""
        if request.method == "POST":
            form = await _form(request)
            kind = form.get("answer", "")
            try:
                self._parts.answer(alert_id, kind, "signed link")
                said = f"<p class='done'>Done: {html.escape(kind)}.</p>"
            except PlatformError as error:
                said = f"<p>{html.escape(error.message)}</p>"
        buttons = "".join(
            f"<button name='answer' value='{kind}'>{kind.capitalize()}</button> "
            for kind in ("acknowledge", "confirm", "reject")
        )
        body = f"{said}<p>Alert {html.escape(alert_id)}</p><form method='post'>{buttons}</form>"
        return HTMLResponse(_PAGE.format(title="Answer an alert", body=body))


def make_app(parts: Parts, token: str, secret: bytes) -> ASGIApp:
    """The application around the parts, which start and stop with it."""
    hub = Hub(
        view=lambda: parts.viewer.view,
        states=lambda: parts.states.states,
        per_second=parts.config.page_per_second,
        most=parts.config.most_clients,
        most_per_address=parts.config.most_clients_per_address,
        pipeline=lambda: msgspec.to_builtins(parts.watcher.now),
        predictions=lambda: list(parts.carriers.predictions)[-20:],
    )
    parts.viewer.is_new = hub.publish
    parts.clients = lambda: len(hub.clients)
    health = Health(
        parts.home,
        lambda: parts.loop.status,
        lambda: parts.viewer.view,
        lambda: parts.watcher.now,
        lambda: parts.ingest.problem,
        lambda: parts.dispatchers,
        parts.clock,
        lambda: {"most_series": int(parts.viewer.view.counts.get("refused_series", 0))},
    )

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        hub.begin()
        parts.start()
        try:
            yield
        finally:
            parts.stop()

    app = Starlette(routes=_routes(Site(parts, hub, health, token, secret), Api(parts)), lifespan=lifespan)
    config = parts.config
    hosts = [config.host, *_names(config.public_url)]
    rates = security.Rates(config.requests_per_second, config.requests_per_second * 2)
    return security.Gate(app, token, hosts, config.most_body_bytes, rates)


def _routes(site: Site, api: Api) -> list[Route | Mount | WebSocketRoute]:
    def get(path: str, endpoint: Callable[[Request], Awaitable[Response]]) -> Route:
        return Route(path, told(endpoint), methods=["GET"])

    def post(path: str, endpoint: Callable[[Request], Awaitable[Response]]) -> Route:
        return Route(path, told(endpoint), methods=["POST"])

    return [
        get("/", site.page),
        get("/metrics", site.metrics),
        get("/healthz", site.alive),
        get("/readyz", site.ready),
        get("/openapi.json", site.openapi),
        get("/api/settings", site.settings),
        get("/api/devices", api.devices),
        get("/api/latest", api.latest),
        get("/api/history", api.history),
        get("/api/recent", api.recent),
        get("/api/alerts", api.alerts),
        post("/api/alerts/{alert_id}/{answer}", api.answer_alert),
        post("/api/predict/{name}", api.predict),
        post("/ingest", api.ingest),
        Route("/login", site.login, methods=["GET", "POST"]),
        Route("/answer", site.answer, methods=["GET", "POST"]),
        WebSocketRoute("/ws", site.socket),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]


async def _form(request: Request) -> dict[str, str]:
    """The fields of a plain form."""
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace"), max_num_fields=20))


def _names(url: str) -> list[str]:
    name = urlsplit(url).hostname
    return [name] if name else []
