"""Events, messages in an outbox and dispatchers for tests of sinks."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from sensor_platform.alert import store
from sensor_platform.alert.compose import notification_of
from sensor_platform.alert.config import Channel
from sensor_platform.sinks.dispatcher import Dispatcher, make_dispatchers
from sensor_platform.sinks.sink import Connections, SinkMessage, Unsent
from sensor_platform.sinks.sink_table import channel_destination
from sensor_platform.stream.alert_state import Event
from sensor_platform.stream.rules import Threshold
from sensor_platform_tests.landing.homes import T0


class NoBroker:
    """A connection to a broker that is never there."""

    is_connected = False

    def start(self) -> None:
        """Nothing to connect."""

    def publish_all(self, messages: Sequence[SinkMessage]) -> None:
        raise Unsent(f"no broker for {len(messages)} messages")


NO_CONNECTIONS = Connections(NoBroker(), None, lambda: None, {})


def webhook_dispatcher(
    url: str, path: Path, clock: Callable[[], int], *, name: str = "hook", timeout: float = 0.5, **changes: Any
) -> Dispatcher:
    """A dispatcher of one channel with a URL, not started."""
    channel = Channel(url=url, timeout_seconds=timeout, **changes)
    (dispatcher,) = make_dispatchers([channel_destination(name, channel)], NO_CONNECTIONS, path, clock)
    return dispatcher


def event(number: int = 0, **changes: Any) -> Event:
    made = Event(
        alert_id=f"alert{number}",
        kind="fired",
        rule="hot",
        device_id=f"dev{number}",
        metric="temp",
        level=2,
        at=T0,
        noticed_at=T0 + number,
        value=99.0,
        limit="above 80",
    )
    return msgspec.structs.replace(made, **changes)


RULE = Threshold(name="hot", metric="temp", above=80.0, runbook="cool it", severity="critical")


def put_out(path: Path, events: list[Event], grouping: str = "", channel: str = "hook") -> None:
    """Store the notifications of events twice, as after a kill: their keys keep each single."""
    with closing(store.connect(path)) as connection:
        notifications = [msgspec.json.encode(notification_of(each, RULE, {"plant": "P1"}, "site")) for each in events]
        outgoing = [
            store.Outgoing(each.key, channel, body, T0, 0, grouping)
            for each, body in zip(events, notifications, strict=True)
        ]
        store.store_outgoing(connection, outgoing)
        store.store_outgoing(connection, outgoing)


def states(path: Path) -> list[str]:
    """The state of each message in the outbox."""
    with closing(sqlite3.connect(path)) as connection:
        return [state for (state,) in connection.execute("select state from outbox order by id")]
