"""Nothing is learnt from, scored or judged from an hour of a device that is not over."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor_platform.home import Home
from sensor_platform.predict.anomaly.build_anomalies import build_anomalies
from sensor_platform.predict.features.build_features import build_features
from sensor_platform.predict.features.read_panels import read_to_learn
from sensor_platform.predict.forecast.score_job import score
from sensor_platform.predict.forecast.train import train
from sensor_platform.predict.over_hours import over_hours
from sensor_platform.warehouse.tables import writer
from sensor_platform_tests.predict.stage import HISTORY, START, Make, SiteOfTest, Stage, hourly, wave

LATENESS = 24


def plain(hour: float) -> datetime:
    return (START + timedelta(hours=hour)).replace(tzinfo=None)


def arrived(stage: Stage, hour: float) -> None:
    """The newest reading arrived at this hour."""
    with writer(stage.home, stage.site, "test") as warehouse:
        warehouse.connection.execute(
            "create or replace table device_status as select 'a' as device_id, ?::timestamp as last_received_at",
            [plain(hour)],
        )


def hours_of(make_hourly: Make, **ends: int) -> pl.DataFrame:
    """Hours up to before `ends` of each device."""
    waves = {name: wave(seed, end) for seed, (name, end) in enumerate(ends.items(), 1)}
    return make_hourly(waves, "temp").with_columns(pl.col("n").cast(pl.Int64))


def is_over(stage: Stage, device: str, hour: int, clock: float) -> bool:
    with writer(stage.home, stage.site, "test") as warehouse:
        over = over_hours(warehouse, stage.site, START + timedelta(hours=clock))
        condition = over.condition("d", "h")
        row = warehouse.connection.execute(
            f"select {condition} from (select ? as d, ?::timestamp as h)", [device, plain(hour)]
        ).fetchone()
    assert row is not None
    return bool(row[0])


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(Home(tmp_path), SiteOfTest())


def test_an_hour_is_over_when_a_later_one_of_the_device_has_a_reading(stage: Stage, make_hourly: Make) -> None:
    stage.write(hours_of(make_hourly, a=11, b=10), 1)
    arrived(stage, 10.1)
    assert is_over(stage, "a", 9, 10.1)
    assert not is_over(stage, "a", 10, 10.1)
    assert not is_over(stage, "b", 9, 10.1), "nothing says that b has sent all of it"
    assert is_over(stage, "b", 8, 10.1)


def test_an_hour_is_over_when_the_allowed_lateness_has_passed_at_the_newest_arrival(
    stage: Stage, make_hourly: Make
) -> None:
    stage.write(hours_of(make_hourly, a=40, b=10), 1)
    for time, expected in ((10 + LATENESS - 0.1, False), (10 + LATENESS + 0.1, True)):
        arrived(stage, time)
        assert is_over(stage, "b", 9, time) is expected
        assert not is_over(stage, "b", 9, 10.5), "a clock that is behind"
    arrived(stage, 11)
    assert not is_over(stage, "b", 9, 30_000), "a clock that is years ahead ends no hour"
    assert not is_over(stage, "never seen", 9, 30_000)


def test_a_device_whose_clock_is_ahead_ends_no_hour_early(stage: Stage, make_hourly: Make) -> None:
    stage.write(hours_of(make_hourly, a=11), 1)
    arrived(stage, 9.5)  # a reading of 10:10 arrived at 9:30
    assert not is_over(stage, "a", 9, 9.6)


@settings(max_examples=40, deadline=None)
@given(
    newest=st.dictionaries(st.sampled_from("abc"), st.integers(0, 60), min_size=1),
    arrival=st.floats(0, 80),
    clock=st.floats(0, 80),
    lateness=st.sampled_from([0.0, 0.5, 3.0, 24.0]),
)
def test_the_rule_is_that_of_its_words(
    tmp_path_factory: pytest.TempPathFactory, newest: dict[str, int], arrival: float, clock: float, lateness: float
) -> None:
    from dataclasses import replace

    from sensor_platform.warehouse.config import WarehouseConfig

    site = replace(SiteOfTest(), warehouse=WarehouseConfig(allowed_lateness_hours=lateness))
    stage = Stage(Home(tmp_path_factory.mktemp("rule")), site)
    rows = {name: [1.0] * (end + 1) for name, end in newest.items()}
    stage.write(hourly(rows, "temp").with_columns(pl.col("n").cast(pl.Int64)), 1)
    arrived(stage, arrival)
    time = min(arrival, clock)
    with writer(stage.home, site, "test") as warehouse:
        over = over_hours(warehouse, site, START + timedelta(hours=clock))
        every = warehouse.connection.sql("select device_id, window_start from readings_1h").pl()
        found = set(over.only_over(every).iter_rows())
    expected = {
        (name, plain(hour))
        for name, end in newest.items()
        for hour in range(end + 1)
        if hour + 1 <= time + 1e-9 and (hour < end or hour + 1 + lateness <= time + 1e-9)
    }
    # times at the very edge are rounded to microseconds
    edge = {pair for pair in found ^ expected if min(abs((time - lateness) % 1), abs(time % 1)) > 1e-6}
    assert not edge


@pytest.fixture
def trained(stage: Stage, make_hourly: Make) -> Stage:
    """A model that was trained at the end of HISTORY; the last hour of `b` is not over."""
    stage.write(hours_of(make_hourly, a=HISTORY + 1, b=HISTORY), 1)
    arrived(stage, HISTORY + 0.1)
    build_features(stage.home, stage.site)
    train(stage.home, stage.site, START + timedelta(hours=HISTORY, minutes=6))
    return stage


def test_hours_that_are_not_over_are_not_learnt_from(trained: Stage) -> None:
    with writer(trained.home, trained.site, "test") as warehouse:
        over = over_hours(warehouse, trained.site, START + timedelta(hours=HISTORY, minutes=6))
        panel = read_to_learn(over, "temp", (), START, START + timedelta(hours=HISTORY + 5)).panel
    newest = {name: int(panel.step[panel.rows][panel.device[panel.rows] == n].max()) for n, name in enumerate("ab")}
    first = int(START.timestamp()) // 3600
    assert newest == {"a": first + HISTORY - 1, "b": first + HISTORY - 2}


def issued(stage: Stage, table: str, column: str) -> dict[str, datetime]:
    found = stage.table(table).group_by("device_id").agg(pl.col(column).max())
    return dict(found.iter_rows())


def test_an_hour_that_was_left_out_is_forecast_once_it_is_over_whatever_the_days_of_the_run(
    trained: Stage, make_hourly: Make
) -> None:
    """HISTORY is midnight: the run that sees the first reading of a day is a run of that day."""
    score(trained.home, trained.site, position=1, now=START + timedelta(hours=HISTORY, minutes=6))
    assert issued(trained, "predictions", "issued_at") == {"a": plain(HISTORY - 1), "b": plain(HISTORY - 2)}
    first = hours_of(make_hourly, a=HISTORY + 1, b=HISTORY + 1).filter(pl.col("window_start") == plain(HISTORY))
    trained.write(first, 2)
    arrived(trained, HISTORY + 0.2)
    today = ((START + timedelta(hours=HISTORY)).date(),) * 2
    build_features(trained.home, trained.site, days=today, position=2)
    now = START + timedelta(hours=HISTORY, minutes=12)
    score(trained.home, trained.site, days=today, position=2, now=now)
    assert issued(trained, "predictions", "issued_at") == {"a": plain(HISTORY - 1), "b": plain(HISTORY - 1)}
    made = trained.table("predictions").filter(pl.col("issued_at") == plain(HISTORY - 1))
    assert made.filter(pl.col("device_id") == "b")["created_at"].unique().to_list() == [now.replace(tzinfo=None)]
    assert trained.table("predictions_superseded").is_empty(), "the forecasts of a did not change"
    with writer(trained.home, trained.site, "test") as warehouse:
        left = warehouse.connection.execute("select device_id, window_start from open_hours order by 1").fetchall()
    assert left == [("a", plain(HISTORY)), ("b", plain(HISTORY))]
    assert score(trained.home, trained.site, days=today, position=2, now=now).windows == 0


def test_a_device_that_falls_silent_gets_its_last_forecast_when_the_lateness_has_passed(trained: Stage) -> None:
    score(trained.home, trained.site, position=1, now=START + timedelta(hours=HISTORY, minutes=6))
    arrived(trained, HISTORY + LATENESS + 0.1)
    later = START + timedelta(hours=HISTORY + LATENESS, minutes=6)
    score(trained.home, trained.site, days=(later.date(), later.date()), position=1, now=later)
    assert issued(trained, "predictions", "issued_at")["b"] == plain(HISTORY - 1)


def test_anomalies_too_wait_for_the_end_of_the_hour(stage: Stage, make_hourly: Make) -> None:
    stage.write(hours_of(make_hourly, a=40 * 24 + 1, b=40 * 24), 1)
    arrived(stage, 40 * 24 + 0.1)
    build_anomalies(stage.home, stage.site, position=1, now=START + timedelta(hours=40 * 24, minutes=6))
    assert issued(stage, "anomalies", "window_start") == {"a": plain(40 * 24 - 1), "b": plain(40 * 24 - 2)}
    arrived(stage, 41 * 24 + 0.1)
    later = START + timedelta(hours=41 * 24, minutes=6)
    build_anomalies(stage.home, stage.site, (later.date(), later.date()), position=1, now=later)
    assert issued(stage, "anomalies", "window_start") == {"a": plain(40 * 24 - 1), "b": plain(40 * 24 - 1)}


def test_utc_is_meant_whatever_the_zone_of_the_clock(stage: Stage, make_hourly: Make) -> None:
    from datetime import timezone

    stage.write(hours_of(make_hourly, a=11), 1)
    arrived(stage, 10.1)
    with writer(stage.home, stage.site, "test") as warehouse:
        clock = START + timedelta(hours=10.1)
        utc = over_hours(warehouse, stage.site, clock.astimezone(UTC)).everywhere
        assert over_hours(warehouse, stage.site, clock.astimezone(timezone(timedelta(hours=9)))).everywhere == utc
