"""The live process: opens the port, runs until it is stopped."""

import asyncio
import signal
from collections.abc import Callable
from types import FrameType

import uvicorn

from sensor_platform.errors import Unreachable
from sensor_platform.live.app import make_live
from sensor_platform.live.engine.warm_up import warm_up
from sensor_platform.live.live_setup import LiveSetup
from sensor_platform.live.threads import LiveThreads


def run(setup: LiveSetup, announce: Callable[[str], None]) -> None:
    """Run until SIGTERM or SIGINT.

    Args:
        setup: the settings.
        announce: called with the URL of the page once it can be opened.

    Raises:
        WrongUse: the site's files or settings are wrong, or another live process works on this home.
        Unreachable: the port is used by another process, or the engine has failed.
    """
    app = make_live(setup)
    warm_up(app.components.loop.engine, setup.contracts, setup.limits, app.components.clock())
    config = uvicorn.Config(
        app.web,
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
        signal.signal(number, _ignore)  # uvicorn stops in order, then raises the signal again: that is not a failure
    asyncio.run(_serve(uvicorn.Server(config), app.threads, announce))
    failure = app.threads.failure
    if failure is not None:
        raise Unreachable(f"the live engine has failed: {failure}", "see the log; start it again") from failure


async def _serve(server: uvicorn.Server, threads: LiveThreads, announce: Callable[[str], None]) -> None:
    config = server.config
    if not config.loaded:
        config.load()
    try:
        sockets = [config.bind_socket()]
    except SystemExit as error:
        raise Unreachable(
            f"port {config.port} of {config.host} cannot be opened",
            "set live.port in site.yaml, or stop the process that uses the port",
        ) from error
    port = sockets[0].getsockname()[1]
    watch = asyncio.create_task(_watch(server, threads, lambda: announce(f"http://{config.host}:{port}")))
    try:
        await server.serve(sockets)
    finally:
        watch.cancel()


async def _watch(server: uvicorn.Server, threads: LiveThreads, ready: Callable[[], None]) -> None:
    """Call `ready` when the server is open; end the server when the engine has ended."""
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.02)
    ready()
    while threads.failure is None:  # noqa: ASYNC110 - set by another thread
        await asyncio.sleep(0.5)
    server.should_exit = True


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Do nothing."""
