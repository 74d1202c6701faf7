"""The composition root of a live process: connects its pieces to the web server and the threads."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from sensor_platform.errors import WrongUse
from sensor_platform.kernel.clock import now_micros
from sensor_platform.live.live_pieces import LivePieces, make_pieces
from sensor_platform.live.live_setup import LiveSetup
from sensor_platform.live.monitor.health import HealthChecks
from sensor_platform.live.monitor.metrics import LiveCollector
from sensor_platform.live.requests import answer_links
from sensor_platform.live.threads import LiveThreads, make_threads
from sensor_platform.live.web.alerts_api import AlertsApi
from sensor_platform.live.web.history_api import HistoryApi
from sensor_platform.live.web.post_api import IngestApi, PredictApi
from sensor_platform.live.web.readings_api import ReadingsApi
from sensor_platform.live.web.security import is_loopback
from sensor_platform.live.web.site_api import MonitoringApi, SiteApi
from sensor_platform.live.web.small_pages import LoginPage
from sensor_platform.live.web.socket import Hub
from sensor_platform.live.web.web_app import Endpoints, make_web_app
from sensor_platform.reading.decode import Decoder

_PAGE_PREDICTIONS = 20


@dataclass(frozen=True, slots=True)
class LiveApp:
    """A live process that is put together but not started."""

    pieces: LivePieces
    threads: LiveThreads
    web: ASGIApp
    """Starts the threads with its lifespan, and stops them."""


def make_live(setup: LiveSetup, clock: Callable[[], int] = now_micros) -> LiveApp:
    """Put a live process together.

    Args:
        setup: the settings.
        clock: microseconds since the epoch, UTC.

    Raises:
        WrongUse: the site's files or settings are wrong.
    """
    live = setup.live
    if not is_loopback(live.host) and not setup.token:
        raise WrongUse(
            f"site.yaml: live.host {live.host} can be reached from other machines, and no token is set",
            "set SENSOR_PLATFORM_LIVE_TOKEN, or leave live.host at 127.0.0.1",
        )
    registry = CollectorRegistry()
    pieces = make_pieces(setup, clock, registry)
    threads = make_threads(pieces)
    web = make_web_app(_make_endpoints(pieces, registry), live, setup.token, threads.start, threads.stop)
    return LiveApp(pieces, threads, web)


def _make_endpoints(pieces: LivePieces, registry: CollectorRegistry) -> Endpoints:
    setup, live, viewer, loop = pieces.setup, pieces.setup.live, pieces.viewer, pieces.loop
    hub = _make_hub(pieces)
    registry.register(
        LiveCollector(
            lambda: viewer.view,
            lambda: pieces.poller.now,
            pieces.dispatchers,
            lambda: len(hub.clients),
            pieces.clock,
            live.group_tag,
        )
    )
    default_window = live.engine.windows[0].name if live.engine.windows else ""
    return Endpoints(
        hub=hub,
        site=SiteApi(setup.site, live, setup.alerts, lambda: dict(loop.engine.catalog.units)),
        monitoring=MonitoringApi(registry, _make_health(pieces)),
        readings=ReadingsApi(lambda: viewer.view),
        history=HistoryApi(setup.home, pieces.windows, default_window, lambda: loop.engine),
        alerts=AlertsApi(setup.home, pieces.clock, loop.wake, answer_links.secret_of(setup.home.live)),
        ingest=IngestApi(
            pieces.ingest, Decoder(setup.contracts, setup.limits), pieces.stages, pieces.clock, live.ingest_topic
        ),
        predict=PredictApi(pieces.predictor),
        login=LoginPage(setup.token),
    )


def _make_hub(pieces: LivePieces) -> Hub:
    live, viewer = pieces.setup.live, pieces.viewer
    hub = Hub(
        view=lambda: viewer.view,
        states=lambda: pieces.links.states.states,
        per_second=live.page_per_second,
        most=live.most_clients,
        most_per_address=live.most_clients_per_address,
        pipeline=lambda: msgspec.to_builtins(pieces.poller.now),
        predictions=lambda: list(pieces.predictions.newest)[-_PAGE_PREDICTIONS:],
    )
    viewer.is_new = hub.publish
    return hub


def _make_health(pieces: LivePieces) -> HealthChecks:
    return HealthChecks(
        home=pieces.setup.home,
        status=lambda: pieces.loop.status,
        view=lambda: pieces.viewer.view,
        platform=lambda: pieces.poller.now,
        ingest_problem=lambda: pieces.ingest.problem,
        dispatchers=pieces.dispatchers,
        clock=pieces.clock,
        limits=lambda: {"most_series": int(pieces.viewer.view.counts.get("refused_series", 0))},
    )
