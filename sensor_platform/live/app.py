"""The composition root of a live process: makes every piece from the settings, and gives each only what it needs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from sensor_platform.alert import store
from sensor_platform.alert.history.rule_epochs import note_rules
from sensor_platform.errors import WrongUse
from sensor_platform.kernel.clock import now_micros
from sensor_platform.kernel.durations import duration
from sensor_platform.live.background import BackgroundWork
from sensor_platform.live.engine import checkpoints, score_feed
from sensor_platform.live.engine.catalog_view import catalog_of
from sensor_platform.live.engine.emitted_windows import EmittedWindows
from sensor_platform.live.engine.loop import Loop
from sensor_platform.live.engine.score_feed import newest_time
from sensor_platform.live.engine.viewer import Viewer
from sensor_platform.live.live_setup import LiveSetup
from sensor_platform.live.monitor import platform_status
from sensor_platform.live.monitor.health import HealthChecks
from sensor_platform.live.monitor.metrics import LiveCollector
from sensor_platform.live.monitor.stage_metrics import StageMetrics
from sensor_platform.live.monitor.step_observer import StepObserver
from sensor_platform.live.requests.ingest import IngestWriter
from sensor_platform.live.requests.predictor import Predictor
from sensor_platform.live.sending import failed_run_notifications
from sensor_platform.live.sending.connections import BrokerLinks, make_connections, make_links, prediction_steps
from sensor_platform.live.sending.destinations import all_destinations
from sensor_platform.live.sending.output_streams import PredictionStreams
from sensor_platform.live.sending.step_messages import StepMessages
from sensor_platform.live.threads import LiveThreads
from sensor_platform.live.web import answer_links
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
from sensor_platform.sinks.dispatcher import Dispatcher, make_dispatchers
from sensor_platform.sinks.prediction_sink import PredictionSteps
from sensor_platform.stream.engine import Engine

_PAGE_PREDICTIONS = 20


@dataclass(frozen=True, slots=True)
class LiveApp:
    """A live process that is put together but not started."""

    setup: LiveSetup
    clock: Callable[[], int]
    """Microseconds since the epoch, UTC."""
    loop: Loop
    viewer: Viewer
    links: BrokerLinks
    predictions: PredictionSteps
    """How triggered predictions are made."""
    dispatchers: Sequence[Dispatcher]
    threads: LiveThreads
    web: ASGIApp
    """Starts the threads with its lifespan, and stops them."""


@dataclass(frozen=True, slots=True)
class _Core:
    """Pieces that both the web server and the threads are connected to. Stays inside this module."""

    setup: LiveSetup
    clock: Callable[[], int]
    ingest: IngestWriter
    predictor: Predictor
    links: BrokerLinks
    predictions: PredictionStreams
    dispatchers: Sequence[Dispatcher]
    stages: StageMetrics
    windows: EmittedWindows
    viewer: Viewer
    loop: Loop
    poller: platform_status.StatusPoller


def make_live(setup: LiveSetup, clock: Callable[[], int] = now_micros) -> LiveApp:
    """Put a live process together.

    Args:
        setup: the settings.
        clock: microseconds since the epoch, UTC.

    Raises:
        WrongUse: the site's files or settings are wrong.
    """
    live, path = setup.live, setup.home.live_file
    if not is_loopback(live.host) and not setup.token:
        raise WrongUse(
            f"site.yaml: live.host {live.host} can be reached from other machines, and no token is set",
            "set SENSOR_PLATFORM_LIVE_TOKEN, or leave live.host at 127.0.0.1",
        )
    ingest = IngestWriter(setup.home, f"{setup.collect.collector}.http", clock)
    predictor = Predictor(setup.home)
    links = make_links(setup)
    predictions = PredictionStreams(path, live.republish, clock)
    steps = prediction_steps(predictor, ingest, predictions, clock)
    connections = make_connections(setup, links, steps)
    dispatchers = make_dispatchers(all_destinations(setup.alerts, live), connections, path, clock)
    registry = CollectorRegistry()
    stages = StageMetrics(registry)
    windows = EmittedWindows(path, clock)
    viewer = Viewer(live.page_per_second, duration(live.silent_after), recall=windows.newest)
    loop = _make_loop(setup, clock, StepObserver(viewer, stages, clock, live.group_tag, partial(_wake, dispatchers)))
    core = _Core(
        setup,
        clock,
        ingest,
        predictor,
        links,
        predictions,
        dispatchers,
        stages,
        windows,
        viewer,
        loop,
        platform_status.StatusPoller(setup.home),
    )
    threads = _make_threads(core)
    web = make_web_app(_make_endpoints(core, registry), live, setup.token, threads.start, threads.stop)
    return LiveApp(setup, clock, loop, viewer, links, steps, dispatchers, threads, web)


def _make_loop(setup: LiveSetup, clock: Callable[[], int], observer: StepObserver) -> Loop:
    live = setup.live
    secret = answer_links.secret_of(setup.home.live)

    def link_of(alert_id: str) -> str:
        return answer_links.link_of(secret, live.public_url, alert_id, clock() // 1_000_000)

    return Loop(
        home=setup.home,
        path=setup.home.live_file,
        engine=Engine(
            live.engine,
            catalog_of(setup.catalog),
            setup.alerts.rules,
            setup.alerts.maintenance,
            slot_minutes=setup.slot_minutes,
        ),
        decoder=Decoder(setup.contracts, setup.limits),
        output=StepMessages(setup.alerts, live, setup.site, link_of),
        clock=clock,
        after=observer.after_step,
        snapshot_seconds=live.snapshot_seconds,
        keep_hours=live.keep_hours,
    )


def _make_endpoints(core: _Core, registry: CollectorRegistry) -> Endpoints:
    setup, live, viewer, loop = core.setup, core.setup.live, core.viewer, core.loop
    hub = _make_hub(core)
    registry.register(
        LiveCollector(
            lambda: viewer.view,
            lambda: core.poller.now,
            core.dispatchers,
            lambda: len(hub.clients),
            core.clock,
            live.group_tag,
        )
    )
    default_window = live.engine.windows[0].name if live.engine.windows else ""
    return Endpoints(
        hub=hub,
        site=SiteApi(setup.site, live, setup.alerts, lambda: dict(loop.engine.catalog.units)),
        monitoring=MonitoringApi(registry, _make_health(core)),
        readings=ReadingsApi(lambda: viewer.view),
        history=HistoryApi(setup.home, core.windows, default_window, lambda: loop.engine),
        alerts=AlertsApi(setup.home, core.clock, loop.wake, answer_links.secret_of(setup.home.live)),
        ingest=IngestApi(
            core.ingest, Decoder(setup.contracts, setup.limits), core.stages, core.clock, live.ingest_topic
        ),
        predict=PredictApi(core.predictor),
        login=LoginPage(setup.token),
    )


def _make_hub(core: _Core) -> Hub:
    live, viewer = core.setup.live, core.viewer
    hub = Hub(
        view=lambda: viewer.view,
        states=lambda: core.links.states.states,
        per_second=live.page_per_second,
        most=live.most_clients,
        most_per_address=live.most_clients_per_address,
        pipeline=lambda: msgspec.to_builtins(core.poller.now),
        predictions=lambda: list(core.predictions.newest)[-_PAGE_PREDICTIONS:],
    )
    viewer.is_new = hub.publish
    return hub


def _make_health(core: _Core) -> HealthChecks:
    return HealthChecks(
        home=core.setup.home,
        status=lambda: core.loop.status,
        view=lambda: core.viewer.view,
        platform=lambda: core.poller.now,
        ingest_problem=lambda: core.ingest.problem,
        dispatchers=core.dispatchers,
        clock=core.clock,
        limits=lambda: {"most_series": int(core.viewer.view.counts.get("refused_series", 0))},
    )


def _make_threads(core: _Core) -> LiveThreads:
    setup, loop, links = core.setup, core.loop, core.links
    home, path = setup.home, setup.home.live_file
    copier = checkpoints.Checkpoints(path)
    failed_runs = failed_run_notifications.FailedRunNotifications(
        home, path, setup.alerts, setup.site, core.clock, partial(_wake, core.dispatchers)
    )
    feed = score_feed.ScoreFeed(
        home, setup.alerts.rules, loop.inject, lambda *series: newest_time(loop.engine, *series)
    )
    background = [
        BackgroundWork("platform status", platform_status.EVERY_SECONDS, core.poller.poll, is_first_at_once=True),
        BackgroundWork("checkpoints", checkpoints.EVERY_SECONDS, copier.make),
        BackgroundWork("failed runs", failed_run_notifications.EVERY_SECONDS, failed_runs.look_and_log),
    ]
    if feed.is_needed:
        background.append(BackgroundWork("scores", score_feed.EVERY_SECONDS, feed.feed))
    has_site_link = links.states.topic or any(
        each.destination.kind == "mqtt" and not each.destination.is_uplink for each in core.dispatchers
    )

    def prepare() -> None:
        store.connect(path).close()
        note_rules(home, setup.alerts, core.clock())

    return LiveThreads(
        ingest=core.ingest,
        loop=loop,
        checkpoints=copier,
        links=[*([links.site] if has_site_link else []), *([links.uplink] if links.uplink else [])],
        dispatchers=core.dispatchers,
        background=background,
        prepare=prepare,
    )


def _wake(dispatchers: Sequence[Dispatcher]) -> None:
    for each in dispatchers:
        each.wake()
