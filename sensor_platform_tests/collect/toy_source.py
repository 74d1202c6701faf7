"""A source as somebody would add one: the lines of a file, `lines.txt` in the home, until it is acknowledged."""

import time

from sensor_platform.collect.collector_status import State
from sensor_platform.collect.source import SourceContext
from sensor_platform.kernel.clock import now_micros, utc_from_micros
from sensor_platform.reading.model import Envelope
from sensor_platform.wal import Header, encode_records


class LinesSource:
    def __init__(self, context: SourceContext) -> None:
        self._context = context
        self._context.status.broker = "lines.txt"
        self._is_announced = False
        self._queued = 0

    @property
    def state(self) -> State:
        return "stalled" if self._queued else "connected"

    def header(self, name: str) -> Header:
        return Header(segment=name, created_at=now_micros(), session="lines")

    def turn(self) -> None:
        if not self._is_announced:
            self._is_announced = True
            self._context.announce()
        inbox = self._context.home.root / "lines.txt"
        if not self._queued and inbox.exists():
            now = utc_from_micros(now_micros())
            lines = inbox.read_bytes().splitlines()
            messages = [Envelope("sensors/lines", line, now, segment="", position=0) for line in lines]
            self._context.wal.add(encode_records(messages))
            self._queued = len(messages)
        self._commit()
        time.sleep(0.01)

    def tick(self) -> None:
        pass

    def prepare_seal(self) -> bool:
        return not self._queued

    def close(self) -> None:
        self._commit()

    def _commit(self) -> None:
        if self._queued:
            try:
                self._context.wal.commit()
            except OSError as error:
                self._context.status.problem = str(error)
                return
            self._context.status.counters.messages += self._queued
            (self._context.home.root / "lines.txt").unlink()  # the acknowledgement
            self._queued = 0
