"""WebSocket clients: each receives what it displays, at its own speed, limited by the page's rate.

A client has at most one pending update: while it is slow, newer views replace older ones, and nothing waits for it.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import orjson
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from sensor_platform.live.engine.view import View

_MOST_ROWS = 200
_MOST_MESSAGE = 16_384
_VALUES = 6
"""Number of newest values in a row of the overview; a wide screen shows all of them."""
_MOST_ALARMS = 500
_MESSAGES_PER_SECOND = 20
_SEND_SECONDS = 20.0
_SETTINGS_CHANGED = 1012
"""Close code `service restart`, which the web server sends too when it stops."""


class Viewport(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a client displays; the message that it sends."""

    rows: tuple[int, ...] = ()
    """Device numbers that are visible in the overview."""
    device: int | None = None
    """Number of the device that is open; None for none."""


@dataclass(slots=True, eq=False)
class _Client:
    socket: WebSocket
    news: asyncio.Event = field(default_factory=asyncio.Event)
    viewport: Viewport = field(default_factory=Viewport)
    sent: dict[int, tuple[int, int, str]] = field(default_factory=dict)
    """By device: newest arrival, level and state, as they were sent last."""
    alarms: tuple[Any, ...] | None = None


@dataclass(slots=True)
class Hub:
    """All clients. Belongs to the thread of the event loop."""

    view: Callable[[], View]
    states: Callable[[], dict[str, str]]
    per_second: int
    most: int
    most_per_address: int
    pipeline: Callable[[], dict[str, Any]]
    predictions: Callable[[], list[dict[str, Any]]]
    clients: set[_Client] = field(default_factory=set)
    addresses: Counter[str] = field(default_factory=Counter)
    _loop: asyncio.AbstractEventLoop | None = None
    _rows_of: View | None = None
    _rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    """Rows of that view by device, shared by clients that display the same devices."""

    def publish(self) -> None:
        """Announce a new view. May be called by any thread."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closing
                self._loop.call_soon_threadsafe(self._wake_clients)

    def begin(self) -> None:
        """Remember the running event loop. Called from it, before the first client."""
        self._loop = asyncio.get_running_loop()

    async def close(self) -> None:
        """Close every connection: the page connects again, and when it can, reads the settings again."""
        for client in list(self.clients):
            with contextlib.suppress(RuntimeError, OSError):
                await client.socket.close(_SETTINGS_CHANGED, "other settings")

    async def serve(self, socket: WebSocket) -> None:
        """Serve one client until it disconnects."""
        address = socket.client.host if socket.client else "local"
        if len(self.clients) >= self.most or self.addresses[address] >= self.most_per_address:
            await socket.close(1013, "too many connections")
            return
        await socket.accept()
        client = _Client(socket)
        self.clients.add(client)
        self.addresses[address] += 1
        client.news.set()
        sender = asyncio.create_task(self._send(client))
        try:
            await self._receive(client)
        except (WebSocketDisconnect, RuntimeError):
            pass  # the client has disconnected
        finally:
            sender.cancel()
            self.clients.discard(client)
            self.addresses[address] -= 1
            if not self.addresses[address]:
                del self.addresses[address]
            with contextlib.suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError):
                await sender

    def _wake_clients(self) -> None:
        for client in self.clients:
            client.news.set()

    async def _receive(self, client: _Client) -> None:
        loop = asyncio.get_running_loop()
        since, count = loop.time(), 0
        while True:
            text = await client.socket.receive_text()
            if loop.time() - since > 1.0:
                since, count = loop.time(), 0
            count += 1
            if len(text) > _MOST_MESSAGE or count > _MESSAGES_PER_SECOND:
                await client.socket.close(1008, "too much")
                return
            try:
                viewport = msgspec.json.decode(text, type=Viewport)
            except (msgspec.DecodeError, UnicodeDecodeError):
                await client.socket.close(1007, "not understood")
                return
            client.viewport = msgspec.structs.replace(viewport, rows=viewport.rows[:_MOST_ROWS])
            client.sent.clear()
            client.news.set()

    async def _send(self, client: _Client) -> None:
        pause = 1.0 / self.per_second
        while client.socket.application_state == WebSocketState.CONNECTED:
            await client.news.wait()
            client.news.clear()
            update = orjson.dumps(self._update(client), option=orjson.OPT_NON_STR_KEYS)
            try:
                await asyncio.wait_for(client.socket.send_text(update.decode()), _SEND_SECONDS)
            except (TimeoutError, WebSocketDisconnect, RuntimeError, OSError):
                with contextlib.suppress(RuntimeError, OSError):
                    await client.socket.close(1013, "too slow")
                return
            await asyncio.sleep(pause)

    def _update(self, client: _Client) -> dict[str, Any]:
        view = self.view()
        update: dict[str, Any] = {"at": view.at, "counts": view.counts, "devices": view.device_n}
        if client.alarms is not view.alarms and (client.alarms is None or client.alarms != view.alarms):
            client.alarms = view.alarms
            update["alarms"] = [msgspec.to_builtins(row) for row in view.alarms[:_MOST_ALARMS]]
            update["alarm_n"] = len(view.alarms)
        states = self.states()
        if self._rows_of is not view:
            self._rows_of, self._rows = view, {}
        rows = [row for number in client.viewport.rows if (row := self._row(view, number, client, states)) is not None]
        if rows:
            update["rows"] = rows
        if client.viewport.device is not None and 0 <= client.viewport.device < view.device_n:
            update["device"] = view.latest(client.viewport.device)
        update["pipeline"] = self.pipeline()
        update["predictions"] = self.predictions()
        return update

    def _row(self, view: View, number: int, client: _Client, states: dict[str, str]) -> dict[str, Any] | None:
        """Return a device's row if it has changed since it was last sent to this client."""
        if not 0 <= number < view.device_n:
            return None
        row = self._rows.get(number)
        if row is None:
            row = _row(view, number, states.get(view.devices[number], ""))
            if row is None:
                return None
            self._rows[number] = row
        mark = (row["received_at"], row["level"], row["state"])
        if client.sent.get(number) == mark:
            return None
        client.sent[number] = mark
        return row


def _row(view: View, number: int, state: str) -> dict[str, Any] | None:
    """Return one device's row of the overview; None if it has no series."""
    series = [each for each in view.series_of[number] if each < view.series_n]
    if not series:
        return None
    received = view.columns["received_at"]
    device = view.devices[number]
    return {
        "number": number,
        "id": device,
        "level": view.levels.get(device, 0),
        "state": state,
        "received_at": max(int(received[each]) for each in series),
        "metric_n": len(series),
        "values": [view.reading(each) for each in series[:_VALUES]],
        "spark": view.spark(series[0]),
    }
