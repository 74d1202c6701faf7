"""A live process behind its open port, driven without a server: messages go in, alerts are asked for."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from sensor_platform.live.switching import SwitchingApp


@contextlib.asynccontextmanager
async def running(app: SwitchingApp) -> AsyncIterator[httpx.AsyncClient]:
    """The application with its lifespan, as a server drives it."""
    to_app: asyncio.Queue[Any] = asyncio.Queue()
    from_app: asyncio.Queue[Any] = asyncio.Queue()
    task = asyncio.ensure_future(app({"type": "lifespan"}, to_app.get, from_app.put))
    await to_app.put({"type": "lifespan.startup"})
    assert (await from_app.get())["type"] == "lifespan.startup.complete"
    transport = httpx.ASGITransport(app=app)
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8420") as client:
            yield client
    finally:
        await to_app.put({"type": "lifespan.shutdown"})
        assert (await from_app.get())["type"] == "lifespan.shutdown.complete"
        await task


async def post(client: httpx.AsyncClient, **values: object) -> None:
    answer = await client.post("/ingest", content=json.dumps(values))
    assert answer.status_code == 202, answer.text


async def until(ask: Callable[[], Any], holds: Callable[[Any], bool]) -> Any:
    for _ in range(400):
        if holds(found := await ask()):
            return found
        await asyncio.sleep(0.05)
    pytest.fail(f"still {found}")


async def firing(client: httpx.AsyncClient) -> set[tuple[str, str]]:
    found = (await client.get("/api/alerts")).json()["alerts"]
    return {(each["rule"], each["alert_id"]) for each in found if each["state"] == "firing"}
