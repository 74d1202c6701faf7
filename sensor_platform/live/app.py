"""The composition root of a live process: makes every piece from the settings, and gives each only what it needs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
from sensor_platform.live.engine.view import Viewer
from sensor_platform.live.live_setup import LiveSetup
from sensor_platform.live.monitor import platform_status
from sensor_platform.live.monitor.health import HealthChecks
from sensor_platform.live.monitor.metrics import LiveCollector, StageMetrics
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
    dispatchers: Sequence[Dispatcher]
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

    def wake() -> None:
        for each in dispatchers:
            each.wake()

    registry = CollectorRegistry()
    stages = StageMetrics(registry)
    windows = EmittedWindows(path, clock)
    viewer = Viewer(live.page_per_second, duration(live.silent_after), recall=windows.newest)
    loop = _make_loop(setup, clock, StepObserver(viewer, stages, clock, live.group_tag, wake))
    poller = platform_status.StatusPoller(setup.home)
    hub = Hub(
        view=lambda: viewer.view,
        states=lambda: links.states.states,
        per_second=live.page_per_second,
        most=live.most_clients,
        most_per_address=live.most_clients_per_address,
        pipeline=lambda: msgspec.to_builtins(poller.now),
        predictions=lambda: list(predictions.newest)[-_PAGE_PREDICTIONS:],
    )
    viewer.is_new = hub.publish
    registry.register(
        LiveCollector(
            lambda: viewer.view, lambda: poller.now, dispatchers, lambda: len(hub.clients), clock, live.group_tag
        )
    )
    health = HealthChecks(
        home=setup.home,
        status=lambda: loop.status,
        view=lambda: viewer.view,
        platform=lambda: poller.now,
        ingest_problem=lambda: ingest.problem,
        dispatchers=dispatchers,
        clock=clock,
        limits=lambda: {"most_series": int(viewer.view.counts.get("refused_series", 0))},
    )
    endpoints = Endpoints(
        hub=hub,
        site=SiteApi(setup.site, live, setup.alerts, lambda: dict(loop.engine.catalog.units)),
        monitoring=MonitoringApi(registry, health),
        readings=ReadingsApi(lambda: viewer.view),
        history=HistoryApi(
            setup.home, windows, live.engine.windows[0].name if live.engine.windows else "", lambda: loop.engine
        ),
        alerts=AlertsApi(setup.home, clock, loop.wake, answer_links.secret_of(setup.home.live)),
        ingest=IngestApi(ingest, Decoder(setup.contracts, setup.limits), stages, clock, live.ingest_topic),
        predict=PredictApi(predictor),
        login=LoginPage(setup.token),
    )
    threads = _make_threads(setup, clock, ingest, loop, links, dispatchers, poller, wake)
    web = make_web_app(endpoints, live, setup.token, threads.start, threads.stop)
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


def _make_threads(
    setup: LiveSetup,
    clock: Callable[[], int],
    ingest: IngestWriter,
    loop: Loop,
    links: BrokerLinks,
    dispatchers: Sequence[Dispatcher],
    poller: platform_status.StatusPoller,
    wake: Callable[[], None],
) -> LiveThreads:
    path = setup.home.live_file

    def newest_known(device: str, metric: str) -> int | None:
        index = loop.engine.index
        series = index.find(device, metric)
        return None if series is None else int(index.by_series["event_at"][series])

    def prepare() -> None:
        store.connect(path).close()
        note_rules(setup.home, setup.alerts, clock())

    to_site = links.states.topic or any(
        each.destination.kind == "mqtt" and not each.destination.is_uplink for each in dispatchers
    )
    copier = checkpoints.Checkpoints(path)
    feed = score_feed.ScoreFeed(setup.home, setup.alerts.rules, loop.inject, newest_known)
    failed_runs = failed_run_notifications.FailedRunNotifications(
        setup.home, path, setup.alerts, setup.site, clock, wake
    )
    background = [
        BackgroundWork("platform status", platform_status.EVERY_SECONDS, poller.poll, is_first_at_once=True),
        BackgroundWork("checkpoints", checkpoints.EVERY_SECONDS, copier.make),
        BackgroundWork("failed runs", failed_run_notifications.EVERY_SECONDS, failed_runs.look_and_log),
    ]
    if feed.is_needed:
        background.append(BackgroundWork("scores", score_feed.EVERY_SECONDS, feed.feed))
    return LiveThreads(
        ingest=ingest,
        loop=loop,
        checkpoints=copier,
        links=[*([links.site] if to_site else []), *([links.uplink] if links.uplink else [])],
        dispatchers=dispatchers,
        background=background,
        prepare=prepare,
    )
