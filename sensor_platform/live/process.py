"""The live process: opens the port, runs until it is stopped."""

import asyncio
import signal
from collections.abc import Callable
from dataclasses import replace
from types import FrameType

import uvicorn

from sensor_platform.errors import PlatformError, Unreachable
from sensor_platform.live.engine.warm_up import warm_up
from sensor_platform.live.live_setup import LiveSetup
from sensor_platform.live.switching import SwitchingApp
from sensor_platform.versions.reports import Reloading
from sensor_platform.warehouse.catalog.catalog_files import digest


def run(setup: LiveSetup, announce: Callable[[str], None]) -> None:
    """Run until SIGTERM or SIGINT.

    Args:
        setup: the settings, and how they are followed.
        announce: called with the URL of the page once it can be opened.

    Raises:
        WrongUse: the site's files or settings are wrong, or another live process works on this home.
        Unreachable: the port is used by another process, or the engine has failed.
    """
    app = SwitchingApp(setup)
    components = app.app.components
    warm_up(components.loop.engine, setup.contracts, setup.limits, components.clock())
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
        signal.signal(number, _ignore)  # uvicorn stops in order, then raises the signal again: that is not a failure
    asyncio.run(_serve(uvicorn.Server(config), app, announce, setup.reloading))
    failure = app.failure
    if failure is not None:
        raise Unreachable(f"the live engine has failed: {failure}", "see the log; start it again") from failure


async def _serve(
    server: uvicorn.Server, app: SwitchingApp, announce: Callable[[str], None], reloading: Reloading[LiveSetup] | None
) -> None:
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
    watch = asyncio.create_task(_watch(server, app, lambda: announce(f"http://{config.host}:{port}"), reloading))
    try:
        await server.serve(sockets)
    finally:
        watch.cancel()


async def _watch(
    server: uvicorn.Server, app: SwitchingApp, ready: Callable[[], None], reloading: Reloading[LiveSetup] | None
) -> None:
    """Call `ready` when the server is open, follow the settings, and end the server when the engine has ended."""
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.02)
    ready()
    while app.failure is None:
        await asyncio.sleep(0.5)
        if reloading is not None and not server.should_exit:
            await _follow(app, reloading)
    server.should_exit = True


async def _follow(app: SwitchingApp, reloading: Reloading[LiveSetup]) -> None:
    setup = await asyncio.to_thread(reloading.changed)
    if setup is None:
        return
    try:
        if not _is_same(setup, app.setup):
            await app.switch(setup)
    except PlatformError as error:
        reloading.failed(error)
        return
    reloading.applied()


def _is_same(setup: LiveSetup, former: LiveSetup) -> bool:
    """Whether nothing differs but the place where the same catalog is copied to."""
    return replace(setup, catalog=former.catalog) == former and digest(setup.catalog) == digest(former.catalog)


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Do nothing."""
