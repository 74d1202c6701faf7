"""The live process: makes the parts, opens the port, runs until it is told to stop."""

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import FrameType

import uvicorn
from prometheus_client import CollectorRegistry

from sensor_platform.alert.config import AlertConfig
from sensor_platform.collect.config import Broker, CollectConfig
from sensor_platform.errors import Unreachable, WrongUse
from sensor_platform.home import Home
from sensor_platform.kernel.clock import now_micros, start_of_day
from sensor_platform.kernel.durations import duration
from sensor_platform.landing.config import LandingConfig
from sensor_platform.live.app import Parts
from sensor_platform.live.config import LiveConfig
from sensor_platform.live.engine.catalog_view import catalog_of
from sensor_platform.live.engine.loop import Loop
from sensor_platform.live.engine.step import Done, Step
from sensor_platform.live.engine.view import Viewer
from sensor_platform.live.engine.warm_up import warm_up
from sensor_platform.live.monitor.metrics import Stages
from sensor_platform.live.monitor.platform_status import Watcher
from sensor_platform.live.requests.ingest import IngestWriter
from sensor_platform.live.requests.predictor import Predictor
from sensor_platform.live.sending.outputs import LiveOutput
from sensor_platform.live.web import answer_links
from sensor_platform.live.web.security import is_loopback
from sensor_platform.live.web.web_app import make_app
from sensor_platform.reading.batch import Limits
from sensor_platform.reading.contract import Contract
from sensor_platform.reading.decode import Decoder
from sensor_platform.sinks.mqtt_link import DeviceStates, Link
from sensor_platform.stream.engine import Engine

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LiveSetup:
    """What a live process is told."""

    home: Home
    site: str
    start: date
    slot_minutes: int
    collect: CollectConfig
    landing: LandingConfig
    live: LiveConfig
    alerts: AlertConfig
    contracts: Sequence[Contract]
    catalog: Path | None
    broker: Broker
    uplink: Broker | None
    """The broker of the centre, for streams `to: uplink`."""
    token: str
    variables: Mapping[str, str]
    """For the secrets in channels' URLs."""


def make_parts(setup: LiveSetup, clock: Callable[[], int] = now_micros) -> Parts:
    """Everything, not started yet.

    Raises:
        WrongUse: the site's files or settings are wrong.
    """
    live = setup.live
    if not is_loopback(live.host) and not setup.token:
        raise WrongUse(
            f"site.yaml: live.host {live.host} can be reached by others, and no token is set",
            "set SENSOR_PLATFORM_LIVE_TOKEN, or leave live.host at 127.0.0.1",
        )
    limits = Limits(
        start=start_of_day(setup.start),
        max_future=setup.landing.max_future_seconds * 1_000_000,
    )
    parts: Parts
    # parts is made below
    loop, output = _loop(setup, limits, clock, lambda step, done: parts.after_step(step, done))  # noqa: PLW0108
    states = DeviceStates(live.state_topic)
    registry = CollectorRegistry()
    client_id = f"{setup.collect.collector}-live-{os.getpid()}"
    parts = Parts(
        home=setup.home,
        config=live,
        limits=limits,
        loop=loop,
        viewer=Viewer(live.page_per_second, duration(live.silent_after)),
        decoder=Decoder(setup.contracts, limits),
        ingest=IngestWriter(setup.home, f"{setup.collect.collector}.http", clock),
        watcher=Watcher(setup.home),
        link=Link(setup.broker, client_id, setup.collect.protocol == "5", states if states.topic else None),
        uplink=None if setup.uplink is None else Link(setup.uplink, f"{client_id}-up", setup.collect.protocol == "5"),
        states=states,
        predictor=Predictor(setup.home),
        output=output,
        variables=setup.variables,
        clock=clock,
        registry=registry,
        stages=Stages(registry),
    )
    return parts


def _loop(
    setup: LiveSetup, limits: Limits, clock: Callable[[], int], after: Callable[[Step, Done], None]
) -> tuple[Loop, LiveOutput]:
    """The engine's thread, not started, and what makes the messages for its outbox."""
    live = setup.live
    engine = Engine(
        live.engine,
        catalog_of(setup.catalog),
        setup.alerts.rules,
        setup.alerts.maintenance,
        slot_minutes=setup.slot_minutes,
    )
    secret = answer_links.secret_of(setup.home.live)

    def link_of(alert_id: str) -> str:
        return answer_links.link_of(secret, live.public_url, alert_id, clock() // 1_000_000)

    # a reset makes another engine
    output = LiveOutput(lambda: loop.engine, setup.alerts, live, setup.site, link_of)
    loop = Loop(
        home=setup.home,
        path=setup.home.live_file,
        engine=engine,
        decoder=Decoder(setup.contracts, limits),
        output=output,
        clock=clock,
        after=after,
        snapshot_seconds=live.snapshot_seconds,
        keep_hours=live.keep_hours,
    )
    return loop, output


def run(setup: LiveSetup, announce: Callable[[str], None]) -> None:
    """Run until SIGTERM or SIGINT.

    Args:
        setup: what to do.
        announce: told the URL of the page once it can be opened.

    Raises:
        WrongUse: the site's files or settings are wrong, or another live process works on this home.
        Unreachable: the port is taken, or the engine has failed.
    """
    parts = make_parts(setup)
    warm_up(parts.loop.engine, setup.contracts, parts.limits, now_micros())
    app = make_app(parts, setup.token, answer_links.secret_of(setup.home.live))
    config = uvicorn.Config(
        app,
        host=setup.live.host,
        port=setup.live.port,
        log_level="warning",
        access_log=False,
        server_header=False,
        ws="websockets-sansio",
        ws_max_size=65_536,
        ws_max_queue=16,
        ws_per_message_deflate=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=3,
        limit_concurrency=2_000,
        h11_max_incomplete_event_size=65_536,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _nothing)  # uvicorn stops in order, then raises the signal again: that is no failure
    asyncio.run(_serve(uvicorn.Server(config), parts, announce))
    if parts.failure is not None:
        raise Unreachable(
            f"the live engine has failed: {parts.failure}", "see the log; start it again"
        ) from parts.failure


async def _serve(server: uvicorn.Server, parts: Parts, announce: Callable[[str], None]) -> None:
    config = server.config
    if not config.loaded:
        config.load()
    try:
        sockets = [config.bind_socket()]
    except SystemExit as error:
        raise Unreachable(
            f"port {config.port} of {config.host} cannot be opened", "set live.port in site.yaml, or stop who has it"
        ) from error
    port = sockets[0].getsockname()[1]
    watch = asyncio.create_task(_until_ready(server, parts, lambda: announce(f"http://{config.host}:{port}")))
    try:
        await server.serve(sockets)
    finally:
        watch.cancel()


async def _until_ready(server: uvicorn.Server, parts: Parts, ready: Callable[[], None]) -> None:
    """Say when it is open; end the server when the engine has ended."""
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.02)
    ready()
    while parts.failure is None:  # noqa: ASYNC110 - set by another thread
        await asyncio.sleep(0.5)
    server.should_exit = True


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """The signal has done its work."""
