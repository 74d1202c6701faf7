"""Drift looks at the devices that a model has learnt from, whoever else speaks."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor_platform.predict.monitoring import drift

START = datetime(2026, 1, 1, tzinfo=UTC)
LEARNT = 40 * 24
NOW = START + timedelta(hours=LEARNT + 10 * 24)


def warehouse(hours: Mapping[str, range], metric: str = "load") -> Any:
    """Hours by device in which it had a value."""
    connection = duckdb.connect()
    connection.execute(
        "create table readings_1h (device_id varchar, metric varchar, window_start timestamp, mean double)"
    )
    for device, some in hours.items():
        connection.execute(
            "insert into readings_1h select ?, ?, ?::timestamp + to_hours(h), sin(h * 1.7)"
            " from (select unnest(?::integer[]) as h)",
            [device, metric, START.replace(tzinfo=None), list(some)],
        )
    return SimpleNamespace(connection=connection)


def null_rate(hours: Mapping[str, range], learnt: tuple[str, ...]) -> float | None:
    _, nulls = drift.distribution(warehouse(hours), "load", START + timedelta(hours=LEARNT - 1), learnt, NOW)
    return nulls


ALL, BEFORE, SINCE = range(LEARNT + 10 * 24), range(LEARNT), range(LEARNT, LEARNT + 10 * 24)


def test_new_devices_do_not_make_up_for_dead_ones() -> None:
    assert null_rate({"a": BEFORE, "b": ALL, "c": SINCE, "d": SINCE}, ("a", "b")) == pytest.approx(0.5)


def test_a_fleet_larger_than_what_was_learnt_from_has_no_negative_rate() -> None:
    """A task learns from the devices with labels only."""
    assert null_rate({f"{number}": ALL for number in range(10)}, ("3",)) == 0.0


def test_a_card_that_names_no_devices_means_those_that_had_values_then() -> None:
    assert null_rate({"a": BEFORE, "b": BEFORE, "c": SINCE}, ()) == 1.0


def test_a_device_that_never_had_the_metric_is_not_missing() -> None:
    assert null_rate({"a": ALL}, ("a", "without")) == 0.0
    assert null_rate({"a": ALL}, ("without",)) is None


def test_values_of_new_devices_are_no_drift_of_the_learnt_ones() -> None:
    store = warehouse({"a": ALL, "b": ALL})
    noise = np.random.default_rng(1).normal(0, 50, len(SINCE)).tolist()
    store.connection.execute(
        "insert into readings_1h select 'new', 'load', ?::timestamp + to_hours(h + ?), v"
        " from (select unnest(range(?)) as h, unnest(?::double[]) as v)",
        [START.replace(tzinfo=None), LEARNT, len(SINCE), noise],
    )
    moved, _ = drift.distribution(store, "load", START + timedelta(hours=LEARNT - 1), ("a", "b"), NOW)
    assert moved is not None
    assert moved < drift.MOST_PSI


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 168), min_size=1, max_size=4), st.integers(0, 3))
def test_the_rate_is_the_share_of_missing_hours_of_learnt_devices(present: list[int], others: int) -> None:
    newest = LEARNT + 10 * 24  # the newest week ends with the hour before NOW
    hours = {f"l{n}": range(newest - count, newest) for n, count in enumerate(present)}
    store = warehouse(hours | {f"new{n}": SINCE for n in range(others)})
    for name in hours:
        store.connection.execute("insert into readings_1h values (?, 'load', timestamp '2026-02-01', 1.0)", [name])
    _, nulls = drift.distribution(store, "load", START + timedelta(hours=LEARNT - 1), tuple(hours), NOW)
    assert nulls == pytest.approx(1 - sum(present) / (168 * len(present)))
