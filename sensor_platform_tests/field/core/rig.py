"""The platform as these tests use it: everything that they import from the product, the transport of it left out.

Clocks are parameters. What a test takes for granted is checked with `need` or within `precondition`: both fail in a way
that is not an AssertionError, so that a broken set-up is not taken for the fault that the test shows.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import orjson
import polars as pl
import pytest

from sensor_platform.errors import PlatformError
from sensor_platform.home import Home
from sensor_platform.landing import housekeeping as upkeeping
from sensor_platform.landing.config import LandingConfig
from sensor_platform.landing.integrity import reland as relanding
from sensor_platform.landing.integrity import reland_intent
from sensor_platform.landing.integrity.audit import audit
from sensor_platform.landing.integrity.verify import Verified, verify
from sensor_platform.landing.lander_lock import changes_lock
from sensor_platform.landing.ledger import landing_files_between, newest_touch, read_ledger, reopen_slots
from sensor_platform.landing.ledger.rebuild_ledger import rebuild_ledger
from sensor_platform.landing.ledger.schema import open_ledger
from sensor_platform.landing.open_lander import limits_of, open_lander
from sensor_platform.landing.quarantine import reconcile as settling
from sensor_platform.landing.quarantine.choose import Choice
from sensor_platform.orchestration.checks.integrity import mend_files
from sensor_platform.orchestration.planning.run_planner import Lane, Outcome, Rules, SeenRun, decide
from sensor_platform.reading.contract import DEFAULT_CONTRACT, Contract, Source, TimeSource
from sensor_platform.reading.decode import Decoder
from sensor_platform.retention import apply, landing_tier
from sensor_platform.retention.apply import Retention
from sensor_platform.settings import load_settings
from sensor_platform.site import Site, load_site
from sensor_platform.warehouse import rebuild as rebuilding
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.build_report import BuildReport
from sensor_platform.warehouse.dirty import DirtyDay, dirty_days
from sensor_platform.warehouse.file.connection import open_warehouse
from sensor_platform.warehouse.file.writer_lock import writer_lock
from sensor_platform.warehouse.lineage import dbt_models
from sensor_platform.warehouse.publish import publish
from sensor_platform_tests.landing.homes import HOUR, T0, Message, seal_segment

__all__ = [
    "HOUR",
    "T0",
    "Contract",
    "Home",
    "Message",
    "PlatformError",
    "Site",
    "Source",
    "TimeSource",
    "audit",
    "publish",
    "rebuild_ledger",
]

MINUTE, DAY = 60_000_000, 86_400_000_000
START = date(2010, 1, 1)
_EVER = (-(1 << 62), 1 << 62)

Step = tuple[Any, str]
"""A function of the product by module and name: where a test kills a process, or lets another one run."""
RELAND_COMMITS: Step = (reland_intent, "_commit")
RELAND_CARRIES_OUT: Step = (relanding, "carry_out")
REQUEUE_COMMITS: Step = (settling, "commit_segment")
UPKEEP_FORGETS: Step = (upkeeping, "delete_files")


class Killed(BaseException):
    """Stands for SIGKILL."""


def need(holds: bool, what: str) -> None:
    """Fail as a set-up error, which no expected failure accepts."""
    if not holds:
        pytest.fail(f"precondition does not hold: {what}")


@contextlib.contextmanager
def precondition(what: str) -> Iterator[None]:
    """The same for helpers that assert."""
    try:
        yield
    except AssertionError as error:
        pytest.fail(f"precondition does not hold: {what}: {error}")


@contextlib.contextmanager
def killed_at(step: Step) -> Iterator[None]:
    """The body ends when it comes to this step with work to do; that it does not come there is a set-up error."""
    module, name = step
    whole = getattr(module, name)

    def kill(*arguments: object) -> object:
        if all(arguments):
            raise Killed
        return whole(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, name, kill)
        with pytest.raises(Killed):
            yield


def meanwhile(step: Step, other: Callable[[], None], act: Callable[[], None]) -> None:
    """Do `act`, and `other` just before the first time that it comes to this step.

    `other` may wait for a lock that `act` holds: it then goes on beside it.
    """
    module, name = step
    whole = getattr(module, name)
    with ThreadPoolExecutor(1) as pool, pytest.MonkeyPatch.context() as patch:
        begun: list[Future[None]] = []

        def both(*arguments: object, **named: object) -> object:
            patch.undo()
            begun.append(pool.submit(other))
            wait(begun, timeout=2)
            return whole(*arguments, **named)

        patch.setattr(module, name, both)
        act()
        need(bool(begun), f"{name} is reached")
        begun[0].result()


def seal(home: Home, seq: int, payloads: Sequence[object], at: int = T0, **fields: Any) -> Path:
    """One sealed segment with one batch of messages; `fields` are those of `Message`."""
    raw = [item if isinstance(item, bytes) else orjson.dumps(item) for item in payloads]
    return seal_segment(home, seq, [Message(item, **fields) for item in raw], received_at=at, batch=len(raw))


def land(home: Home, now: int, contracts: Sequence[Contract] = (DEFAULT_CONTRACT,), slot_minutes: int = 10) -> None:
    """Land all that is sealed, by a clock that stands still."""
    with open_lander(home, contracts, LandingConfig(), START, slot_minutes, lambda: now) as lander:
        list(lander.land_sealed())


def send(home: Home, seq: int, readings: Sequence[object], at: int) -> None:
    """Messages that arrive at one time and are landed a second later."""
    seal(home, seq, readings, at)
    land(home, at + 1_000_000)


def series(device: str, start: int, count: int, step: int = 1_000_000) -> list[object]:
    """Messages of one device with its own times, value 10."""
    return [{"device_id": device, "ts": (start + number * step) / 1e6, "t": 10.0} for number in range(count)]


def upkeep(home: Home, now: int, slot_minutes: int = 10) -> upkeeping.Upkeep:
    """The hourly upkeep of the landing tier, the raw archive kept for 7 days."""
    return upkeeping.keep_up(home, slot_minutes, 7, now)


def reland(home: Home, now: int, contract: Contract = DEFAULT_CONTRACT) -> None:
    """As the command of that name, with its lock."""
    contracts = relanding.contracts_of((contract,), LandingConfig(), START, 10)
    with writer_lock(home, "reland", wait_seconds=0):
        relanding.reland(home, contracts, lambda: now)


def requeue(home: Home, now: int, contract: Contract) -> None:
    """As `quarantine requeue`, with its lock."""
    with changes_lock(home), open_ledger(home) as ledger:
        decoder = Decoder([contract], limits_of(LandingConfig(), START))
        list(settling.Settler(home, ledger, 10 * MINUTE, lambda: now).requeue(Choice(), decoder, "v2"))


def readings(home: Home) -> pl.DataFrame:
    """Rows of the landing files that the ledger shows and that are on disk."""
    with read_ledger(home) as ledger:
        files = landing_files_between(ledger, home, *_EVER) if ledger else []
    frames = [pl.read_parquet(file.path, hive_partitioning=False) for file in files if file.path.exists()]
    return pl.concat(frames) if frames else pl.DataFrame()


def site_with(**sections: Any) -> Site:
    """The default site with other settings; a dict changes keys of its section."""
    site = load_site(None)
    changed = {
        name: msgspec.structs.replace(getattr(site, name), **value) if isinstance(value, dict) else value
        for name, value in sections.items()
    }
    return msgspec.structs.replace(site, **changed)


def asked(home: Home, site: Site) -> BuildReport:
    """A build of what is dirty, as the ledger sensor asks for it."""
    with read_ledger(home) as ledger:
        position = newest_touch(ledger) if ledger else 0
    return build(home, site, position=position)


def built(home: Home, site: Site, *, is_published: bool = False) -> None:
    """The same, which has to succeed."""
    report = asked(home, site)
    need(report.is_ok, f"the build succeeds, failed: {report.failed}")
    if is_published:
        publish(home, site)


def dirty(home: Home, site: Site) -> tuple[DirtyDay, ...]:
    """Days with work for dbt."""
    return dirty_days(home, site, dbt_models())


def retain(home: Home, site: Site, now: int) -> Retention:
    """The hourly retention."""
    return apply.apply(home, site, site.retention, 7, now)


def verified(home: Home, now: int, *, is_full: bool = True) -> Verified:
    """A verification of files."""
    return verify(home, now, is_full=is_full)


def ask(file: Path, sql: str) -> list[tuple[Any, ...]]:
    """Rows of a query to a DuckDB file."""
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def delete_landing(home: Home, before: date, now: int) -> None:
    """Retention of landing files alone: what lies before this day."""
    start = (before - date(1970, 1, 1)).days * DAY
    with open_ledger(home) as ledger:
        planned = landing_tier.plan(ledger, now // DAY - start // DAY, now)
        need(bool(planned.files), "there are files to delete")
        landing_tier.apply(home, ledger, planned, now)


def rebuild(home: Home, site: Site) -> rebuilding.Rebuilt:
    """A warehouse made anew, as by the command of that name."""
    return rebuilding.rebuild(home, site, lambda _: None)


def change_warehouse(home: Home, site: Site, *statements: str) -> None:
    """Statements on the warehouse file, as another version of the product would have run them."""
    with open_warehouse(home, site.warehouse) as connection:
        for statement in statements:
            connection.execute(statement)


def position(home: Home) -> int:
    """The newest position of the ledger."""
    with read_ledger(home) as ledger:
        return newest_touch(ledger) if ledger else 0


def reopen(home: Home, slot: int) -> None:
    """Touch a slot without new readings."""
    with open_ledger(home) as ledger:
        reopen_slots(ledger, [slot], {})


def done_runs_of(home: Home, now: datetime, count: int) -> list[SeenRun]:
    """Successful runs of today, each of a later position than the one before, the newest of the newest."""
    newest = position(home)
    pause = timedelta(seconds=20)
    return [
        SeenRun(f"run{n}", Lane.TODAY, now.date(), now.date(), newest - n, Outcome.DONE, now - n * pause - pause)
        for n in range(count)
    ]


def asked_for(days: Sequence[DirtyDay], runs: Sequence[SeenRun], now: datetime, site: Site) -> Sequence[object]:
    """The runs that the ledger sensor would request."""
    rules = Rules(retry_after=timedelta(seconds=site.runs.retry_after_seconds), breath=timedelta(seconds=10))
    return decide(days, runs, now, rules)


def know_file(home: Home, file: str, size: int, digest: str) -> None:
    """A file of the raw archive that the ledger knows."""
    with open_ledger(home) as ledger:
        row = (file, Path(file).stem, "raw", 0, size, digest, None, None, None)
        ledger.execute("insert into files values (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)


def mend_all_files() -> None:
    """The daily verification, of the home that the environment names."""
    mend_files(load_settings(), is_full=True)


def write_lock(home: Home) -> contextlib.AbstractContextManager[None]:
    """What every writer of the warehouse takes; refused where it is held."""
    return writer_lock(home, "test", wait_seconds=0)
