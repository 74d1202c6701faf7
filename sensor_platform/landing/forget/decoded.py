"""Applies the rules in force to what was decoded from a segment, before its files are written."""

from collections.abc import Collection
from dataclasses import dataclass

import polars as pl

from sensor_platform.landing.ledger.manifest import DeviceCounts
from sensor_platform.landing.removal.choice import RowChoice
from sensor_platform.landing.removal.recounts import Recount

_ORDER = ("slot_start", "device_id", "metric", "event_at", "position")


@dataclass(frozen=True, slots=True)
class DecodedRows:
    """What a segment gave."""

    readings: pl.DataFrame
    """Columns of a landing file and `slot_start`."""
    rejects: pl.DataFrame
    """Columns of a quarantine file."""
    repeated: pl.DataFrame
    """Readings of duplicates, as `readings`; they do not land."""
    repeated_rejects: pl.DataFrame
    owners: pl.DataFrame
    """position and device of every message, as they are counted."""
    blanked: Collection[int] = ()
    """Positions of messages that were blanked in the archive before."""
    carried: pl.DataFrame | None = None
    """Readings of blanked messages that stay: their messages cannot be decoded any more."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What the rules leave, and what they take."""

    readings: pl.DataFrame
    rejects: pl.DataFrame
    counts: tuple[DeviceCounts, ...]
    """Differences of the counts."""
    positions: frozenset[int]
    """Messages that must not be archived as they are."""
    series: frozenset[tuple[str, str]]
    """Device and metric of which nothing is left in the segment."""


def without_forgotten(rows: DecodedRows, choice: RowChoice) -> Forgotten:
    """Take out what the rules in force take, and everything of messages that were blanked before.

    A message that loses a reading loses its rejects too: they hold its payload.

    Args:
        rows: of one segment.
        choice: of the rules.
    """
    blanked = pl.Series(sorted(rows.blanked), dtype=pl.Int64)
    readings, rejects = rows.readings, rows.rejects
    is_taken = choice.landing(readings) | readings["position"].is_in(blanked.implode())
    removed, kept = readings.filter(is_taken), readings.filter(~is_taken)
    touched = pl.concat([removed["position"], blanked]).unique()
    is_refused = choice.quarantine(rejects) | rejects["position"].is_in(touched.implode())
    refused = rejects.filter(is_refused)
    recount = Recount(is_forgotten=True)
    messages = removed.unique("position", keep="first", maintain_order=True).select("position", "received_at")
    owned = messages.join(rows.owners, on="position", how="left")
    is_ended = ~owned["position"].is_in(kept["position"].unique().implode())
    recount.take_landed(owned.filter(is_ended), len(removed))
    if rows.carried is not None:
        staying = rows.carried.filter(~choice.landing(rows.carried)).select(kept.columns)
        recount.give_back(staying.unique("position", keep="first", maintain_order=True))
        kept = pl.concat([kept, staying]).sort(_ORDER)
    recount.move(_moved(owned.filter(~is_ended), removed, kept))
    recount.take_rejects(refused)
    repeated = _taken_repeats(rows, choice)
    recount.take_duplicates(repeated.join(rows.owners, on="position", how="left"))
    positions = {*touched, *refused["position"], *repeated["position"]}
    series = set(removed.select("device_id", "metric").unique().iter_rows())
    series -= set(kept.select("device_id", "metric").unique().iter_rows())
    return Forgotten(kept, rejects.filter(~is_refused), recount.counts(), frozenset(positions), frozenset(series))


def _moved(mixed: pl.DataFrame, removed: pl.DataFrame, kept: pl.DataFrame) -> pl.DataFrame:
    """Messages of which other readings stay, but which were counted for a device that is gone: for which one now."""
    gone = removed.select("position", "device_id").unique()
    left = kept.select("position", pl.col("device_id").alias("new")).unique(
        "position", keep="first", maintain_order=True
    )
    present = kept.select("position", "device_id").unique()
    keys = ["position", "device_id"]
    return mixed.join(gone, on=keys, how="semi").join(present, on=keys, how="anti").join(left, on="position")


def _taken_repeats(rows: DecodedRows, choice: RowChoice) -> pl.DataFrame:
    columns = ["position", "received_at"]
    taken = pl.concat(
        [
            rows.repeated.filter(choice.landing(rows.repeated)).select(columns),
            rows.repeated_rejects.filter(choice.quarantine(rows.repeated_rejects)).select(columns),
        ]
    )
    return taken.unique("position", keep="first", maintain_order=True)
