"""The composition root of a live process: connects its components to the web server and the threads."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from sensor_platform.errors import WrongUse
from sensor_platform.kernel.clock import now_micros
from sensor_platform.live.live_components import LiveComponents, make_components
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

    components: LiveComponents
    threads: LiveThreads
    web: ASGIApp
    """Starts the threads with its lifespan, and stops them."""
    hub: Hub
    """The open pages."""


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
    components = make_components(setup, clock, registry)
    threads = make_threads(components)
    endpoints = _make_endpoints(components, registry)
    web = make_web_app(endpoints, live, setup.token, threads.start, threads.stop)
    return LiveApp(components, threads, web, endpoints.hub)


def _make_endpoints(components: LiveComponents, registry: CollectorRegistry) -> Endpoints:
    setup, live, viewer, loop = components.setup, components.setup.live, components.viewer, components.loop
    hub = _make_hub(components)
    registry.register(
        LiveCollector(
            lambda: viewer.view,
            lambda: components.poller.now,
            components.dispatchers,
            lambda: len(hub.clients),
            components.clock,
            live.group_tag,
        )
    )
    default_window = live.engine.windows[0].name if live.engine.windows else ""
    return Endpoints(
        hub=hub,
        site=SiteApi(setup.site, live, setup.alerts, lambda: dict(loop.engine.catalog.units)),
        monitoring=MonitoringApi(registry, _make_health(components)),
        readings=ReadingsApi(lambda: viewer.view),
        history=HistoryApi(setup.home, components.windows, default_window, lambda: loop.engine),
        alerts=AlertsApi(setup.home, components.clock, loop.wake, answer_links.secret_of(setup.home.live)),
        ingest=IngestApi(
            components.ingest,
            Decoder(setup.contracts, setup.limits),
            components.stages,
            components.clock,
            live.ingest_topic,
        ),
        predict=PredictApi(components.predictor),
        login=LoginPage(setup.token),
    )


def _make_hub(components: LiveComponents) -> Hub:
    live, viewer = components.setup.live, components.viewer
    hub = Hub(
        view=lambda: viewer.view,
        states=lambda: components.links.states.states,
        per_second=live.page_per_second,
        most=live.most_clients,
        most_per_address=live.most_clients_per_address,
        pipeline=lambda: msgspec.to_builtins(components.poller.now),
        predictions=lambda: list(components.predictions.newest)[-_PAGE_PREDICTIONS:],
    )
    viewer.is_new = hub.publish
    return hub


def _make_health(components: LiveComponents) -> HealthChecks:
    return HealthChecks(
        home=components.setup.home,
        status=lambda: components.loop.status,
        view=lambda: components.viewer.view,
        platform=lambda: components.poller.now,
        ingest_problem=lambda: components.ingest.problem,
        dispatchers=components.dispatchers,
        clock=components.clock,
        limits=lambda: {"most_series": int(components.viewer.view.counts.get("refused_series", 0))},
    )
