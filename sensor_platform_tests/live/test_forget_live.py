"""A running live process drops what is forgotten, and neither shows it nor alarms on it until the rule is lifted."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from sensor_platform.alert.config import AlertConfig
from sensor_platform.home import Home
from sensor_platform.kernel.clock import now_micros
from sensor_platform.landing.forget.rule import ForgetRule
from sensor_platform.landing.forget.standing import keep_rules
from sensor_platform.landing.ledger import open_ledger
from sensor_platform.live.switching import SwitchingApp
from sensor_platform.stream.rules import NoData, Threshold
from sensor_platform_tests.live.live_apps import setup_of
from sensor_platform_tests.live.switched import firing, post, running, until

HOT = Threshold(name="hot", metric="temp", above={"warning": 50.0})
DEAD = NoData(name="dead", after="1s")
FAR = 4_000_000_000_000_000


def in_force(root: Path, rules: Sequence[ForgetRule]) -> None:
    home = Home(root)
    with open_ledger(home) as ledger:
        keep_rules(home, ledger, rules)


async def shown(client: httpx.AsyncClient) -> set[tuple[str, str]]:
    rows = (await client.get("/api/latest", params={"max_age": 3600})).json()["readings"]
    return {(row["device_id"], row["metric"]) for row in rows}


async def listed(client: httpx.AsyncClient) -> set[str]:
    return {row[1] for row in (await client.get("/api/devices")).json()["devices"]}


async def fill(client: httpx.AsyncClient, root: Path) -> None:
    for device in ("gone", "gone-not"):
        await post(client, device_id=device, temp=60, rpc=1)
    assert len(await until(lambda: shown(client), lambda found: len(found) == 4)) == 4
    await until(lambda: firing(client), lambda found: len({name for name, _ in found}) == 2)
    assert b"gone" in b"".join(path.read_bytes() for path in (root / "live").iterdir() if path.is_file())


def play(tmp_path: Path, story: Any) -> None:
    async def run() -> None:
        app = SwitchingApp(setup_of(tmp_path, alerts=AlertConfig(rules=(HOT, DEAD))))
        async with running(app) as client:
            await fill(client, tmp_path)
            await story(app, client)

    asyncio.run(run())


def test_a_device_is_dropped_and_does_not_come_back_until_its_rule_is_lifted(tmp_path: Path) -> None:
    async def story(app: SwitchingApp, client: httpx.AsyncClient) -> None:
        in_force(tmp_path, [ForgetRule(at=now_micros(), device="gone", end=FAR)])
        rest = {("gone-not", "temp"), ("gone-not", "rpc")}
        await until(lambda: shown(client), lambda found: found == rest)
        assert await listed(client) == {"gone-not"}
        await post(client, device_id="gone", temp=70)
        await post(client, device_id="gone-not", level=1)
        await until(lambda: shown(client), lambda found: found == {*rest, ("gone-not", "level")})
        await asyncio.sleep(1.5)  # longer than the rule `dead` waits
        alerts = (await client.get("/api/alerts")).json()["alerts"]
        assert {each["device_id"] for each in alerts} == {"gone-not"}
        await app.switch(setup_of(tmp_path, alerts=AlertConfig(rules=(HOT,))))  # the snapshot is loaded again
        await until(lambda: shown(client), lambda found: found == {*rest, ("gone-not", "level")})
        in_force(tmp_path, [])
        await asyncio.sleep(0.5)
        await post(client, device_id="gone", temp=80)
        await until(lambda: shown(client), lambda found: ("gone", "temp") in found)
        await until(lambda: firing(client), lambda found: len(found) >= 2)

    play(tmp_path, story)


def test_old_messages_of_a_device_stay_away_and_new_ones_are_new_data(tmp_path: Path) -> None:
    async def story(_: SwitchingApp, client: httpx.AsyncClient) -> None:
        rule = ForgetRule(at=now_micros(), device="gone")
        in_force(tmp_path, [rule])
        await until(lambda: shown(client), lambda found: {device for device, _ in found} == {"gone-not"})
        old = datetime.fromtimestamp(rule.at / 1e6 - 60, UTC).isoformat()
        await post(client, device_id="gone", temp=70, timestamp=old)
        await post(client, device_id="gone-not", level=1)
        found = await until(lambda: shown(client), lambda found: ("gone-not", "level") in found)
        assert ("gone", "temp") not in found
        await post(client, device_id="gone", temp=10)
        await until(lambda: shown(client), lambda found: ("gone", "temp") in found)

    play(tmp_path, story)


def test_a_metric_of_all_devices_and_of_one(tmp_path: Path) -> None:
    async def story(_: SwitchingApp, client: httpx.AsyncClient) -> None:
        rpc = ForgetRule(at=now_micros(), metric="rpc", end=FAR)
        in_force(tmp_path, [rpc, ForgetRule(at=now_micros(), device="gone", metric="temp", end=FAR)])
        await until(lambda: shown(client), lambda found: found == {("gone-not", "temp")})
        await post(client, device_id="gone", temp=70, rpc=1, level=2)
        found = await until(lambda: shown(client), lambda found: ("gone", "level") in found)
        assert found == {("gone-not", "temp"), ("gone", "level")}

    play(tmp_path, story)


def test_what_comes_by_a_topic_is_left_out(tmp_path: Path) -> None:
    async def story(_: SwitchingApp, client: httpx.AsyncClient) -> None:
        in_force(tmp_path, [ForgetRule(at=now_micros(), topic="#", end=FAR)])
        await asyncio.sleep(0.5)
        await post(client, device_id="third", temp=70)
        await asyncio.sleep(1)
        assert "third" not in {device for device, _ in await shown(client)}

    play(tmp_path, story)
