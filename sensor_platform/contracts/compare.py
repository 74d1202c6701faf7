"""Compares the same traffic under the contracts in force and under others."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from sensor_platform.contracts.comparison_side import Example, Side
from sensor_platform.contracts.traffic import traffic
from sensor_platform.home import Home
from sensor_platform.kernel.clock import utc_from_micros
from sensor_platform.reading.batch import TimeLimits
from sensor_platform.reading.contract import Contract, contract_for
from sensor_platform.reading.decode import Decoder

_SHOWN = 50
_SAME = 1e-9


@dataclass(frozen=True, slots=True)
class RuleChange:
    """Number of rejects by one rule, now and then, with an example of then (of now, if there are none then)."""

    rule: str
    now: int
    then: int
    example: Example


@dataclass(frozen=True, slots=True)
class HourChange:
    """One hour of a metric whose readings differ. Means are None where there are no numbers."""

    device_id: str
    metric: str
    hour: str
    """Start of the hour, ISO 8601, UTC."""
    rows_now: int
    rows_then: int
    mean_now: float | None
    mean_then: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Result: `now` stands for the contracts in force, `then` for the others."""

    messages: int
    landed_now: int
    landed_then: int
    readings_now: int
    readings_then: int
    new_devices: tuple[str, ...]
    lost_devices: tuple[str, ...]
    new_metrics: tuple[str, ...]
    lost_metrics: tuple[str, ...]
    rules: tuple[RuleChange, ...]
    changed_hours: int
    """Hours of a device and metric in which readings or their mean differ."""
    hours: tuple[HourChange, ...]
    """The first of those."""

    @property
    def is_same(self) -> bool:
        """Whether nothing would change."""
        return not self.changed_hours and all(rule.now == rule.then for rule in self.rules)


@dataclass(frozen=True, slots=True)
class Terms:
    """What decides about messages."""

    contracts: tuple[Contract, ...]
    limits: TimeLimits


def compare(home: Home, now: Terms, then: Terms, since: int) -> Comparison:
    """Replay the traffic since a moment under both.

    Args:
        home: the data folder.
        now: in force.
        then: instead.
        since: microseconds since the epoch, UTC.
    """
    sides = [Side(Decoder(terms.contracts, terms.limits)) for terms in (now, then)]
    is_site_wide = now.limits != then.limits

    def wants(topic: str) -> bool:
        return is_site_wide or contract_for(now.contracts, topic) != contract_for(then.contracts, topic)

    messages = 0
    for piece in traffic(home, since, wants):
        messages += len(piece.messages)
        for side in sides:
            side.add(piece)
    return _compared(messages, *sides)


def _compared(messages: int, now: Side, then: Side) -> Comparison:
    hours_now, hours_then = now.hours(), then.hours()
    changed = _changed(hours_now, hours_then)
    devices, metrics = (
        tuple(set(hours[column]) for hours in (hours_now, hours_then)) for column in ("device_id", "metric")
    )
    rules = sorted(now.rules.keys() | then.rules.keys(), key=lambda rule: -now.rules[rule] - then.rules[rule])
    return Comparison(
        messages=messages,
        landed_now=now.landed,
        landed_then=then.landed,
        readings_now=now.readings,
        readings_then=then.readings,
        new_devices=_some(devices[1] - devices[0]),
        lost_devices=_some(devices[0] - devices[1]),
        new_metrics=_some(metrics[1] - metrics[0]),
        lost_metrics=_some(metrics[0] - metrics[1]),
        rules=tuple(
            RuleChange(rule, now.rules[rule], then.rules[rule], then.examples.get(rule) or now.examples[rule])
            for rule in rules
        ),
        changed_hours=len(changed),
        hours=tuple(_hour(row) for row in changed.head(_SHOWN).iter_rows(named=True)),
    )


def _changed(now: pl.DataFrame, then: pl.DataFrame) -> pl.DataFrame:
    both = now.join(then, on=("device_id", "metric", "hour"), how="full", coalesce=True, suffix="_then")
    both = both.with_columns(pl.col("rows", "rows_then", "numbers", "numbers_then").fill_null(0)).with_columns(
        mean=pl.when(pl.col("numbers") > 0).then(pl.col("total") / pl.col("numbers")),
        mean_then=pl.when(pl.col("numbers_then") > 0).then(pl.col("total_then") / pl.col("numbers_then")),
    )
    moved = (pl.col("mean") - pl.col("mean_then")).abs() > _SAME * pl.col("mean").abs()
    differs = (
        (pl.col("rows") != pl.col("rows_then"))
        | (pl.col("numbers") != pl.col("numbers_then"))
        | moved.fill_null(value=False)
    )
    return both.filter(differs).sort("hour", "device_id", "metric")


def _hour(row: dict[str, object]) -> HourChange:
    hour, rows, rows_then = row["hour"], row["rows"], row["rows_then"]
    mean, mean_then = row["mean"], row["mean_then"]
    assert isinstance(hour, int)
    assert isinstance(rows, int)
    assert isinstance(rows_then, int)
    return HourChange(
        device_id=str(row["device_id"]),
        metric=str(row["metric"]),
        hour=utc_from_micros(hour).isoformat(),
        rows_now=rows,
        rows_then=rows_then,
        mean_now=mean if isinstance(mean, float) else None,
        mean_then=mean_then if isinstance(mean_then, float) else None,
    )


def _some(names: set[str]) -> tuple[str, ...]:
    return tuple(sorted(names)[:_SHOWN])


def with_contract(contracts: Sequence[Contract], changed: Contract) -> tuple[Contract, ...]:
    """The contracts with one in place of that of the same name; a new one goes first."""
    names = [contract.name for contract in contracts]
    if changed.name not in names:
        return (changed, *contracts)
    return tuple(changed if contract.name == changed.name else contract for contract in contracts)
