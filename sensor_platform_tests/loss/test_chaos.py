"""Kills everywhere, bits that flip and files that end early: in the end nothing is missing, and that can be shown.

Collector and lander are killed while messages come, builds and publishes while they write; then files are harmed. What
must come out is what an undisturbed platform makes of the same messages.
"""

import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path

import duckdb
import pytest

from sensor_platform.errors import Unreachable
from sensor_platform.home import Home
from sensor_platform.kernel.clock import now_micros
from sensor_platform.landing.config import LandingConfig
from sensor_platform.landing.integrity import verify as verification
from sensor_platform.landing.integrity.audit import audit
from sensor_platform.landing.integrity.reland import contracts_of, mend
from sensor_platform.landing.integrity.verify import verify
from sensor_platform.reading.contract import DEFAULT_CONTRACT
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.config import WarehouseConfig
from sensor_platform.warehouse.file import healing
from sensor_platform.warehouse.publish import publish
from sensor_platform.warehouse.rebuild import rebuild
from sensor_platform_tests.loss.chaos import Plan, run_chaos
from sensor_platform_tests.running import RunningBroker

pytestmark = pytest.mark.mosquitto


@dataclass(frozen=True)
class Site:
    """What the warehouse needs of a site."""

    start: date = date(2010, 1, 1)
    slot_minutes: int = 10
    warehouse: WarehouseConfig = field(
        default_factory=lambda: WarehouseConfig(memory_limit="1GB", lock_wait_seconds=60)
    )
    catalog: Path | None = None


SITE = Site()
_CLEAN = "device_id, metric, event_at, value, message_id"


def killed_after(seconds: float, work: Callable[[], object]) -> bool:
    """Do the work in a child that is killed -9 after so long; False if it was."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return not os.WIFSIGNALED(status)


def kill_writers(home: Home, kills: int, dice: random.Random) -> None:
    """Builds and publishes, killed wherever they are."""
    for number in range(kills):
        work: Callable[[], object] = partial(publish if number % 2 else build, home, SITE)
        killed_after(dice.uniform(0.05, 2.5), work)


def harm_landing(home: Home, count: int, dice: random.Random) -> set[str]:
    """Flip a bit of some landing and quarantine files, or cut them; returns which."""
    files = sorted(home.landing.glob("*/*.parquet"))
    chosen = dice.sample(files, min(count, len(files)))
    for number, path in enumerate(chosen):
        content = bytearray(path.read_bytes())
        if number % 2:
            del content[len(content) // 2 :]
        else:
            content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
        path.write_bytes(content)
    return {str(path.relative_to(home.root)) for path in chosen}


def harm_warehouse(home: Home) -> None:
    os.truncate(home.warehouse_file, home.warehouse_file.stat().st_size // 2)


def fingerprints(home: Home) -> dict[str, tuple[object, ...]]:
    """Rows and hashes of the tables; what names a landing run, and how often a window was built, is left out."""
    found: dict[str, tuple[object, ...]] = {}
    with duckdb.connect(str(home.warehouse_file), read_only=True) as warehouse:
        for table in ("readings_clean", "readings_10s", "readings_1m", "readings_1h", "readings_1d"):
            rows = _CLEAN if table == "readings_clean" else "* exclude (revision)"
            query = f"select count(*), sum(hash(t)::hugeint) from (select {rows} from {table}) t"
            row = warehouse.execute(query).fetchone()
            found[table] = row or ()
    return found


def messages_in(home: Home) -> int:
    with duckdb.connect(str(home.warehouse_file), read_only=True) as warehouse:
        row = warehouse.execute(
            "select count(distinct (device_id, message_id)) from readings_clean where metric = 'temperature'"
        ).fetchone()
    assert row is not None
    return int(row[0])


def prove(home: Home, sent: int, harmed: set[str]) -> None:
    """What a person does: audit --verify, reland, audit, rebuild."""
    found = verify(home, now_micros())
    assert {each.file for each in found.damaged} == harmed
    contracts = contracts_of((DEFAULT_CONTRACT,), LandingConfig(), SITE.start, SITE.slot_minutes)
    mend(home, found.missed, contracts, now_micros)
    assert verify(home, now_micros()).missed == ()
    report = audit(home)
    assert report.is_whole, report
    assert build(home, SITE, position=1 << 40).is_ok
    healed = fingerprints(home)
    assert messages_in(home) == sent
    rebuild(home, SITE, lambda _: None)
    assert fingerprints(home) == healed
    publish(home, SITE)
    with duckdb.connect(str(home.analytics_file), read_only=True) as analysts:
        assert analysts.execute("select count(*) from readings_clean").fetchone() == (healed["readings_clean"][0],)


def chaos(folder: Path, broker: RunningBroker, plan: Plan, writer_kills: int, harmed: int) -> tuple[Home, set[str]]:
    dice = random.Random(plan.seed)
    outcome = run_chaos(plan, folder, broker)
    assert outcome.missing == 0, outcome
    home = Home(folder / "home")
    kill_writers(home, writer_kills, dice)
    assert build(home, SITE).is_ok
    touched = harm_landing(home, harmed, dice)
    harm_warehouse(home)
    return home, touched


def test_killed_and_harmed_everywhere_nothing_is_missing(tmp_path: Path, broker: RunningBroker) -> None:
    plan = Plan(messages=4_000, rate=1_500, kills=3, seed=11, victim="any", is_landing=True)
    home, harmed = chaos(tmp_path, broker, plan, writer_kills=4, harmed=2)
    prove(home, plan.messages, harmed)


@pytest.mark.soak
def test_fifty_kills_and_twenty_harmed_files(tmp_path: Path, broker: RunningBroker) -> None:
    plan = Plan(messages=60_000, rate=1_500, kills=25, seed=12, victim="any", is_landing=True)
    home, harmed = chaos(tmp_path, broker, plan, writer_kills=25, harmed=20)
    prove(home, plan.messages, harmed)


@pytest.mark.parametrize(
    "protection",
    ["checksums", pytest.param("archive", marks=pytest.mark.soak), pytest.param("healing", marks=pytest.mark.soak)],
)
def test_without_the_protection_it_is_seen(
    tmp_path: Path, broker: RunningBroker, monkeypatch: pytest.MonkeyPatch, protection: str
) -> None:
    plan = Plan(messages=1_000, rate=2_000, kills=0, seed=13, is_landing=True)
    home, harmed = chaos(tmp_path, broker, plan, writer_kills=0, harmed=1)
    if protection == "checksums":
        monkeypatch.setattr(verification, "damage_of", lambda *_: None)
    elif protection == "archive":
        for path in home.raw.glob("*/*.zst"):
            path.write_bytes(b"")
    else:
        monkeypatch.setattr(healing, "is_damage", lambda _: False)
    with pytest.raises((AssertionError, Unreachable, duckdb.Error)):
        prove(home, plan.messages, harmed)
