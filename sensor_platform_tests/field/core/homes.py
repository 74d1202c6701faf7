"""Homes: segments, landing, upkeep, reland and requeue, with clocks that are parameters."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from sensor_platform_tests.field.core.needs import need
from sensor_platform_tests.field.core.rig import (
    DEFAULT_CONTRACT,
    Contract,
    Decoder,
    Home,
    LandingConfig,
    RowSelection,
    Verification,
    changes_lock,
    landing_files,
    landing_tier,
    limits_of,
    newest_touch,
    open_lander,
    open_ledger,
    read_ledger,
    relanding,
    reopen_slots,
    settling,
    slots_between,
    upkeeping,
    verify,
    writer_lock,
)
from sensor_platform_tests.landing.homes import HOUR, T0, Message, seal_segment

__all__ = ["HOUR", "T0", "Message"]

MINUTE, DAY = 60_000_000, 86_400_000_000
START = date(2010, 1, 1)
_EVER = (-(1 << 62), 1 << 62)


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


def upkeep(home: Home, now: int, slot_minutes: int = 10) -> upkeeping.HousekeepingReport:
    """The hourly upkeep of the landing tier, the raw archive kept for 7 days."""
    return upkeeping.keep_house(home, slot_minutes, 7, now)


def reland(home: Home, now: int, contract: Contract = DEFAULT_CONTRACT) -> None:
    """As the command of that name, with its lock."""
    contracts = relanding.contracts_of((contract,), LandingConfig(), START, 10)
    with writer_lock(home, "reland", wait_seconds=0):
        relanding.reland(home, contracts, lambda: now)


def requeue(home: Home, now: int, contract: Contract) -> None:
    """As `quarantine requeue`, with its lock."""
    with changes_lock(home), open_ledger(home) as ledger:
        decoder = Decoder([contract], limits_of(LandingConfig(), START))
        list(settling.Reconciler(home, ledger, 10 * MINUTE, lambda: now).requeue(RowSelection(), decoder, "v2"))


def readings(home: Home) -> pl.DataFrame:
    """Rows of the landing files that the ledger shows and that are on disk."""
    with read_ledger(home) as ledger:
        files = landing_files(ledger, home, slots_between(ledger, *_EVER)) if ledger else []
    frames = [pl.read_parquet(file.path, hive_partitioning=False) for file in files if file.path.exists()]
    return pl.concat(frames) if frames else pl.DataFrame()


def verified(home: Home, now: int, *, is_full: bool = True) -> Verification:
    """A verification of files."""
    return verify(home, now, is_full=is_full)


def delete_landing(home: Home, before: date, now: int) -> None:
    """Retention of landing files alone: what lies before this day."""
    start = (before - date(1970, 1, 1)).days * DAY
    with open_ledger(home) as ledger:
        planned = landing_tier.plan(ledger, now // DAY - start // DAY, now)
        need(bool(planned.files), "there are files to delete")
        landing_tier.apply(home, ledger, planned, now)


def position(home: Home) -> int:
    """The newest position of the ledger."""
    with read_ledger(home) as ledger:
        return newest_touch(ledger) if ledger else 0


def reopen(home: Home, slot: int) -> None:
    """Touch a slot without new readings."""
    with open_ledger(home) as ledger:
        reopen_slots(ledger, [slot], {})


def know_file(home: Home, file: str, size: int, digest: str) -> None:
    """A file of the raw archive that the ledger knows."""
    with open_ledger(home) as ledger:
        row = (file, Path(file).stem, "raw", 0, size, digest)
        ledger.execute("insert into files (file, segment, kind, rows, bytes, sha256) values (?, ?, ?, ?, ?, ?)", row)
