"""A live process that takes other settings: another `LiveApp` behind the same open port.

The former one stops in order, as at the end of the process: what was received is on disk, the engine's state is stored,
and what was not sent waits in the outbox. The new one starts from there. Requests wait meanwhile; pages connect again.
"""

import asyncio
import logging
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sensor_platform.errors import PlatformError
from sensor_platform.live.app import LiveApp, make_live
from sensor_platform.live.live_setup import LiveSetup

log = logging.getLogger(__name__)
_DRAIN_SECONDS = 10.0
"""Longest wait for requests that have begun."""


class SwitchingApp:
    """The web application of a live process over all its settings. Belongs to the event loop."""

    def __init__(self, setup: LiveSetup, make: Callable[[LiveSetup], LiveApp] = make_live) -> None:
        """Put the first one together; it starts with the lifespan.

        Args:
            setup: the first settings.
            make: puts a live process together.

        Raises:
            WrongUse: the settings are wrong.
        """
        self.setup = setup
        self.app = make(setup)
        self._make = make
        self._lifespan: _Lifespan | None = None
        self._is_open = asyncio.Event()
        self._turn = asyncio.Lock()
        self._requests = 0

    @property
    def failure(self) -> BaseException | None:
        """What ended the engine's thread, if anything did."""
        return self.app.threads.failure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, connection or lifespan."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        await self._is_open.wait()
        is_request = scope["type"] == "http"
        self._requests += is_request
        try:
            await self.app.web(scope, receive, send)
        finally:
            self._requests -= is_request

    async def switch(self, setup: LiveSetup) -> None:
        """Go on with other settings.

        Raises:
            PlatformError: they are wrong; the former ones are in force.
        """
        app = self._make(setup)
        async with self._turn:
            if self._lifespan is None:  # the process ends
                return
            self._is_open.clear()
            try:
                await self._drain()
                await self.app.hub.close()
                await self._stop()
                await self._start_or_go_back(app)
                self.setup = setup
            finally:
                self._is_open.set()

    async def _start_or_go_back(self, app: LiveApp) -> None:
        try:
            await self._start(app)
        except Exception as error:
            log.exception("the live process does not start with other settings")
            await self._start(self._make(self.setup))
            raise error if isinstance(error, PlatformError) else _Failed(error) from error

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + _DRAIN_SECONDS
        while self._requests and loop.time() < end:  # noqa: ASYNC110 - requests end one by one
            await asyncio.sleep(0.01)

    async def _start(self, app: LiveApp) -> None:
        lifespan = _Lifespan(app.web)
        await lifespan.start()
        self.app, self._lifespan = app, lifespan

    async def _stop(self) -> None:
        lifespan, self._lifespan = self._lifespan, None
        if lifespan is not None:
            await lifespan.stop()

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self._start(self.app)
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            raise
        self._is_open.set()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        async with self._turn:
            await self._stop()
        await send({"type": "lifespan.shutdown.complete"})


class _Failed(PlatformError):
    """The components did not start, for another reason than a mistake in the settings."""

    def __init__(self, error: Exception) -> None:
        super().__init__(f"live cannot work with the new settings: {type(error).__name__}: {error}", "see its log")


class _Lifespan:
    """The lifespan of one application, driven from outside a server."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._to_app: asyncio.Queue[Message] = asyncio.Queue()
        self._from_app: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it; raises what the application raises."""
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
        run = self._app(scope, self._to_app.get, self._from_app.put)
        self._task = asyncio.ensure_future(run)
        await self._to_app.put({"type": "lifespan.startup"})
        await self._answer()

    async def stop(self) -> None:
        """Stop it; returns when all its threads have ended."""
        await self._to_app.put({"type": "lifespan.shutdown"})
        await self._answer()
        if self._task is not None:
            await self._task

    async def _answer(self) -> None:
        assert self._task is not None
        answer = asyncio.ensure_future(self._from_app.get())
        await asyncio.wait({answer, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done() or str(answer.result()["type"]).endswith(".failed"):
            answer.cancel()
            await self._task
