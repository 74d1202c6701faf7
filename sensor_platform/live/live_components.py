"""The components of a live process: made from the settings, each with only what it needs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from prometheus_client import CollectorRegistry

from sensor_platform.kernel.durations import duration
from sensor_platform.live.engine.catalog_view import catalog_of
from sensor_platform.live.engine.emitted_windows import EmittedWindows
from sensor_platform.live.engine.loop import Loop
from sensor_platform.live.engine.viewer import Viewer
from sensor_platform.live.live_setup import LiveSetup
from sensor_platform.live.monitor.platform_status import StatusPoller
from sensor_platform.live.monitor.stage_metrics import StageMetrics
from sensor_platform.live.monitor.step_observer import StepObserver
from sensor_platform.live.requests import answer_links
from sensor_platform.live.requests.ingest import IngestWriter
from sensor_platform.live.requests.predictor import Predictor
from sensor_platform.live.sending.connections import BrokerLinks, make_connections, make_links, prediction_steps
from sensor_platform.live.sending.destinations import all_destinations
from sensor_platform.live.sending.output_streams import PredictionStreams
from sensor_platform.live.sending.step_messages import StepMessages
from sensor_platform.reading.decode import Decoder
from sensor_platform.sinks.dispatcher import Dispatcher, make_dispatchers
from sensor_platform.sinks.sink import PredictionSteps
from sensor_platform.stream.engine import Engine


@dataclass(frozen=True, slots=True)
class LiveComponents:
    """Everything that works in a live process. Only `app` and `threads`, which connect it, may see it as a whole."""

    setup: LiveSetup
    clock: Callable[[], int]
    """Microseconds since the epoch, UTC."""
    ingest: IngestWriter
    predictor: Predictor
    links: BrokerLinks
    predictions: PredictionStreams
    steps: PredictionSteps
    """How triggered predictions are made."""
    dispatchers: Sequence[Dispatcher]
    stages: StageMetrics
    windows: EmittedWindows
    viewer: Viewer
    loop: Loop
    poller: StatusPoller


def make_components(setup: LiveSetup, clock: Callable[[], int], registry: CollectorRegistry) -> LiveComponents:
    """Make the components of a live process, not started.

    Args:
        setup: the settings.
        clock: microseconds since the epoch, UTC.
        registry: for the metrics.

    Raises:
        WrongUse: the site's files or settings are wrong.
    """
    live, path = setup.live, setup.home.live_file
    ingest = IngestWriter(setup.home, f"{setup.collect.collector}.http", clock)
    predictor = Predictor(setup.home)
    links = make_links(setup)
    predictions = PredictionStreams(path, live.republish, clock)
    steps = prediction_steps(predictor, ingest, predictions, clock)
    connections = make_connections(setup, links, steps)
    dispatchers = make_dispatchers(all_destinations(setup.alerts, live), connections, path, clock)
    stages = StageMetrics(registry)
    windows = EmittedWindows(path, clock)
    viewer = Viewer(live.page_per_second, duration(live.silent_after), recall=windows.newest)
    observer = StepObserver(viewer, stages, clock, live.group_tag, partial(wake_all, dispatchers))
    return LiveComponents(
        setup=setup,
        clock=clock,
        ingest=ingest,
        predictor=predictor,
        links=links,
        predictions=predictions,
        steps=steps,
        dispatchers=dispatchers,
        stages=stages,
        windows=windows,
        viewer=viewer,
        loop=_make_loop(setup, clock, observer),
        poller=StatusPoller(setup.home, setup.site_folder, limits=setup.freshness),
    )


def wake_all(dispatchers: Sequence[Dispatcher]) -> None:
    """Let every dispatcher look into the outbox."""
    for each in dispatchers:
        each.wake()


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
