"""A live site without its threads: a test decides what arrives, what the time is, and when channels send.

Everything between is the product: segments, the engine's loop, the live store, the outbox and its channels.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from sensor_platform.alert import store
from sensor_platform.alert.live_queries import alert_rows
from sensor_platform.cli.live import live_setup
from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform.live.app import make_live
from sensor_platform.live.requests.ingest import Busy
from sensor_platform.live.sending.destinations import all_destinations
from sensor_platform.settings import Settings, load_settings
from sensor_platform.sinks.dispatcher import make_dispatchers
from sensor_platform.sinks.sink import Connections, PredictionSteps, SinkMessage, Unsent
from sensor_platform.wal import BatchFacts, Header, encode_mqtt
from sensor_platform.wal.committed_offset import CommittedOffsetFile
from sensor_platform.wal.segment_writer import SegmentWriter
from sensor_platform_tests.field.live.base import site_files
from sensor_platform_tests.landing.homes import T0, Message, publish_packet

SECOND = 1_000_000
TOO_BUSY: Exception = Busy()
"""What storing a message raises while too much waits to be written."""
_COLLECTOR = "col"


def settings_of(environ: Mapping[str, str]) -> Settings:
    """What every command reads first; a site that is refused raises WrongUse."""
    return load_settings({**environ, "SENSOR_PLATFORM_UPLINK_URL": "mqtt://127.0.0.1:1"})


def refusal_of(folder: Path, *rules: Mapping[str, Any], **more: Any) -> str:
    """Why a rules.yaml is refused; empty where it is accepted."""
    try:
        settings_of(site_files(folder, {"rules": list(rules), **more}, {}))
    except WrongUse as error:
        return error.message
    return ""


class LinkInHand:
    """A connection to a broker that is up or down as a test wants; keeps what was published."""

    def __init__(self) -> None:
        self.is_connected = True
        self.breaks_while_sending = False
        self.published: list[tuple[str, bytes]] = []

    def start(self) -> None:
        """Nothing to connect."""

    def stop(self) -> None:
        """Nothing to disconnect."""

    def publish_all(self, messages: Sequence[SinkMessage]) -> None:
        if self.breaks_while_sending:
            self.is_connected = False
        if not self.is_connected:
            raise Unsent("the broker is not connected")
        self.published += [(message.topic, message.payload) for message in messages]

    @property
    def topics(self) -> list[str]:
        return [topic for topic, _ in self.published]


class Arrivals:
    """Writes messages to a home as a collector does: segments with a committed mark."""

    def __init__(self, folder: Path, number: int = 1) -> None:
        home = Home(folder)
        home.wal.mkdir(parents=True, exist_ok=True)
        name = f"{_COLLECTOR}-1772366400000-{number:08d}"
        self._mark = CommittedOffsetFile(home.wal, _COLLECTOR)
        self._writer = SegmentWriter(home.wal, Header(segment=name, created_at=T0))

    def write(self, messages: Sequence[Message], received_at: int) -> None:
        """One batch."""
        facts = BatchFacts(received_at, "session", True, 4, len(messages), ())
        packets = [publish_packet(message, number + 1) for number, message in enumerate(messages)]
        self._writer.append([encode_mqtt(facts, packets)])
        self._mark.publish(self._writer.name, self._writer.commit())

    def close(self) -> None:
        self._writer.seal()


class LiveSite:
    """One site with its rules. Times are seconds since the first moment of the test."""

    def __init__(
        self,
        folder: Path,
        rules: Mapping[str, Any],
        *,
        contract: Mapping[str, Any] | None = None,
        at: float = 0,
        run: int = 1,
        replaced: Mapping[str, Any] | None = None,
        **live: Any,
    ) -> None:
        """`rules` is what rules.yaml holds, `contract` one of contracts/*.yaml, `live` the section of site.yaml.

        `run` counts the starts of one home, and `replaced` are parts of what sends that a test plays itself.
        """
        self.link = LinkInHand()
        self.seconds = at
        config: dict[str, Any] = {"engine": {"settle": "0s"}, "page_per_second": 50} | live
        settings = settings_of(site_files(folder, rules, {"live": config}, contract))
        self.home = settings.home
        self.setup = live_setup(settings, settings.site.live)
        self.app = make_live(self.setup, lambda: T0 + int(self.seconds * SECOND))
        steps = self.app.components.steps
        played = {"predict": steps.predict, "store": steps.store, "publish": steps.publish, **(replaced or {})}
        self.dispatchers = make_dispatchers(
            all_destinations(self.setup.alerts, self.setup.live),
            Connections(self.link, self.link, lambda: None, {}, PredictionSteps(**played)),
            self.home.live_file,
            self.app.components.clock,
        )
        self.loop: Any = self.app.components.loop
        self._outbox = store.connect(self.home.live_file)
        self._opened = ExitStack()
        self._opened.enter_context(self.loop.opened())
        self.arrivals = Arrivals(self.home.root, run)

    def stop(self) -> None:
        """As the process ends when it is told to."""
        self._opened.close()
        self._outbox.close()
        self.arrivals.close()

    def step(self) -> None:
        """The engine takes in what is there, and looks at the time."""
        while self.loop.step(look=True):
            pass

    def receive(self, at: float, *messages: Mapping[str, Any], topic: str = "") -> None:
        """Messages that arrive at a moment; a `ts` in seconds of this test becomes the device's time of it."""
        self.seconds = max(self.seconds, at)
        made = []
        for fields in messages:
            body = dict(fields)
            body["ts"] = T0 / SECOND + float(body.get("ts", at))
            made.append(Message(json.dumps(body).encode(), topic or f"sensors/{body['device_id']}"))
        self.arrivals.write(made, T0 + int(at * SECOND))
        self.step()

    def wait(self, at: float) -> None:
        """Time passes, and nothing arrives."""
        self.seconds = max(self.seconds, at)
        self.step()

    def send(self, until: float | None = None, every: float = 0.5) -> None:
        """Channels send what is due, now or again and again until a moment."""
        self._send_due()
        while until is not None and self.seconds < until:
            self.wait(min(self.seconds + every, until))
            self._send_due()

    def _send_due(self) -> None:
        for each in self.dispatchers:
            while each.send_due(self._outbox):
                pass

    def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Of the live store."""
        return self._outbox.execute(sql, parameters).fetchall()

    def alerts(self) -> list[dict[str, Any]]:
        """As /api/alerts has them, newest first."""
        return alert_rows(self._outbox, "", "")

    @property
    def firing(self) -> list[str]:
        """Rules of the alarms that stand."""
        return [alarm.rule for alarm in self.loop.engine.rule_set.active()]


@contextmanager
def live_site(folder: Path, rules: Mapping[str, Any], **more: Any) -> Iterator[LiveSite]:
    """A site that is stopped afterwards."""
    site = LiveSite(folder, rules, **more)
    try:
        yield site
    finally:
        site.stop()
