"""A live process takes other settings behind its open port: alarms, messages and metrics go on."""

import asyncio
from pathlib import Path

import pytest

from sensor_platform.alert.config import AlertConfig, Channel
from sensor_platform.errors import PlatformError, WrongUse
from sensor_platform.live.app import LiveApp, make_live
from sensor_platform.live.live_setup import LiveSetup
from sensor_platform.live.switching import SwitchingApp
from sensor_platform.reading.contract import Contract
from sensor_platform.stream.rules import Threshold
from sensor_platform_tests.live.live_apps import setup_of
from sensor_platform_tests.live.switched import firing, post, running, until

HOT = Threshold(name="hot", metric="temp", above={"warning": 50.0})
WET = Threshold(name="wet", metric="humidity", above={"warning": 90.0})


def rules(*some: Threshold) -> AlertConfig:
    return AlertConfig(rules=some)


def test_a_rule_is_added_and_the_alarm_of_another_goes_on(tmp_path: Path) -> None:
    async def play() -> None:
        app = SwitchingApp(setup_of(tmp_path, alerts=rules(HOT)))
        async with running(app) as client:
            await post(client, device_id="d", temp=60)
            before = await until(lambda: firing(client), bool)
            await app.switch(setup_of(tmp_path, alerts=rules(HOT, WET)))
            assert await firing(client) == before
            await post(client, device_id="d", humidity=95)
            after = await until(lambda: firing(client), lambda found: len(found) == 2)
            assert before < after

    asyncio.run(play())


def test_other_contracts_and_units_are_in_force_for_the_next_messages(tmp_path: Path) -> None:
    async def play() -> None:
        app = SwitchingApp(setup_of(tmp_path / "home"))
        (tmp_path / "metrics.csv").write_text("metric,unit\nheat,degC\n")
        renamed = Contract(name="other", topic="#", rename={"temp": "heat"})
        async with running(app) as client:

            async def metrics() -> set[str]:
                rows = (await client.get("/api/latest", params={"device": "d"})).json()["readings"]
                return {row["metric"] for row in rows}

            await post(client, device_id="d", temp=1)
            await until(metrics, lambda found: found == {"temp"})  # what is not decoded yet gets the new names
            await app.switch(setup_of(tmp_path / "home", contracts=(renamed,), catalog=tmp_path))
            await post(client, device_id="d", temp=2)
            await until(metrics, lambda found: found == {"temp", "heat"})
            assert (await client.get("/api/settings")).json()["units"] == {"heat": "degC"}

    asyncio.run(play())


def test_messages_that_are_sent_during_the_switch_are_all_taken(tmp_path: Path) -> None:
    async def play() -> None:
        app = SwitchingApp(setup_of(tmp_path, alerts=rules(HOT)))
        async with running(app) as client:

            async def send_many() -> None:
                for number in range(60):
                    await post(client, device_id=f"d{number}", temp=1)

            sending = asyncio.ensure_future(send_many())
            for config in (rules(HOT, WET), rules(WET)):
                await app.switch(setup_of(tmp_path, alerts=config))
            await sending

            async def devices() -> int:
                return len((await client.get("/api/devices")).json()["devices"])

            await until(devices, lambda found: found == 60)

    asyncio.run(play())


def test_settings_that_cannot_be_used_leave_the_former_in_force(tmp_path: Path) -> None:
    channel = {"mail": Channel(url="json://${NOT_SET}")}
    wrong = setup_of(tmp_path, alerts=AlertConfig(rules=(WET,), channels=channel))

    async def play() -> None:
        app = SwitchingApp(setup_of(tmp_path, alerts=rules(HOT)))
        async with running(app) as client:
            await post(client, device_id="d", temp=60)
            before = await until(lambda: firing(client), bool)
            with pytest.raises(PlatformError, match="NOT_SET"):
                await app.switch(wrong)
            assert await firing(client) == before

    asyncio.run(play())


def test_components_that_do_not_start_are_replaced_by_the_former(tmp_path: Path) -> None:
    other = setup_of(tmp_path, alerts=rules(WET))

    def make(setup: LiveSetup) -> LiveApp:
        app = make_live(setup)
        if setup is other:
            app.threads.prepare = refuse
        return app

    def refuse() -> None:
        raise WrongUse("the broker is another's", "use ours")

    async def play() -> None:
        app = SwitchingApp(setup_of(tmp_path, alerts=rules(HOT)), make)
        async with running(app) as client:
            with pytest.raises(WrongUse, match="another's"):
                await app.switch(other)
            await post(client, device_id="d", temp=60)
            await until(lambda: firing(client), bool)

    asyncio.run(play())
