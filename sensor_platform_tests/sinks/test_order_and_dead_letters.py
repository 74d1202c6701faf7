"""What a channel does with a message that fails: a stream waits for it, and what can never be sent holds nothing up."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from sensor_platform.alert import store
from sensor_platform.alert.store import connect
from sensor_platform.kernel.clock import HOUR
from sensor_platform.sinks.dispatcher import Dispatcher
from sensor_platform.sinks.sink import Destination, SinkMessage, Unsendable, Unsent
from sensor_platform.sinks.sink_messages import read_whole
from sensor_platform_tests.landing.homes import T0


class Moody:
    """A sink that refuses some payloads."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.failing: Exception | None = None
        self.never: set[bytes] = set()

    def send(self, messages: Sequence[SinkMessage]) -> None:
        if self.failing is not None:
            raise self.failing
        if any(each.payload in self.never for each in messages):
            raise Unsendable("too large")
        self.sent += [each.payload for each in messages]

    def is_up(self) -> bool:
        return True

    def close(self) -> None:
        """Nothing to close."""


def channel(path: Path, now: list[int], *, is_ordered: bool) -> tuple[Dispatcher, Moody]:
    sink = Moody()
    destination = Destination("c", "kafka", read_whole, is_ordered=is_ordered)
    return Dispatcher(destination, sink, path, lambda: now[0]), sink


def put(path: Path, bodies: Sequence[bytes], grouping: str = "") -> None:
    with closing(store.connect(path)) as connection:
        store.store_outgoing(connection, [store.Outgoing(f"{body!r}", "c", body, T0, 0, grouping) for body in bodies])


def send_all(path: Path, dispatcher: Dispatcher) -> None:
    with closing(connect(path)) as connection:
        while dispatcher.send_due(connection):
            pass


def test_a_stream_sends_in_order_across_an_outage(tmp_path: Path) -> None:
    path, now = tmp_path / "live.sqlite", [T0]
    dispatcher, sink = channel(path, now, is_ordered=True)
    put(path, [b"1", b"2", b"3"])
    sink.failing = Unsent("away")
    send_all(path, dispatcher)
    sink.failing = None
    put(path, [b"4"])
    send_all(path, dispatcher)
    assert sink.sent == [], "the first failure holds the others"
    now[0] += HOUR
    send_all(path, dispatcher)
    assert sink.sent == [b"1", b"2", b"3", b"4"]


def test_what_can_never_be_sent_is_a_dead_letter_at_once_and_the_others_go(tmp_path: Path) -> None:
    path, now = tmp_path / "live.sqlite", [T0]
    dispatcher, sink = channel(path, now, is_ordered=True)
    sink.never = {b"2"}
    put(path, [b"1", b"2", b"3"], grouping="together")
    send_all(path, dispatcher)
    assert sink.sent == [b"1", b"3"]
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("select state, problem from outbox order by id").fetchall()
    assert found == [("sent", ""), ("dead", "too large"), ("sent", "")]


def test_an_error_of_a_library_does_not_end_the_channel(tmp_path: Path) -> None:
    path, now = tmp_path / "live.sqlite", [T0]
    dispatcher, sink = channel(path, now, is_ordered=False)
    put(path, [b"1"])
    sink.failing = ZeroDivisionError("of a library")
    send_all(path, dispatcher)
    assert dispatcher.problem == "ZeroDivisionError: of a library"
    sink.failing = None
    now[0] += HOUR
    send_all(path, dispatcher)
    assert (sink.sent, dispatcher.problem) == ([b"1"], "")
