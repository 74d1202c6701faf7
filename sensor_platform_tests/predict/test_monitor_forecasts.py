import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from sensor_platform.home import Home
from sensor_platform.predict.features.build_features import build_features
from sensor_platform.predict.forecast import monitor, rollback
from sensor_platform.predict.forecast.actuals import ForecastKeys
from sensor_platform.predict.forecast.config import ForecastConfig
from sensor_platform.predict.forecast.forecaster_registry import forecasters
from sensor_platform.predict.forecast.score_job import score
from sensor_platform.predict.forecast.selection.adjust import ServingRule
from sensor_platform.predict.forecast.selection.forecast_record import ForecastRecord
from sensor_platform.predict.forecast.train import needs_training, train
from sensor_platform.predict.monitoring import drift
from sensor_platform.predict.registry import version_files
from sensor_platform.warehouse.tables import writer
from sensor_platform_tests.predict.stage import SiteOfTest

Make = Callable[..., pl.DataFrame]
START = datetime(2026, 1, 1, tzinfo=UTC)
HOURS = 40 * 24
TRAINED = 30 * 24
PROMOTED = START + timedelta(hours=TRAINED, minutes=5)
NOW = START + timedelta(hours=HOURS, minutes=5)


SITE = SiteOfTest(forecast=ForecastConfig(metrics=("temp",), horizons=(2, 6), backtest_hours=120))


def write(home: Home, rows: pl.DataFrame) -> None:
    with writer(home, SITE, "test") as warehouse:
        connection = warehouse.connection
        connection.execute(
            "create table if not exists readings_1h (device_id varchar, metric varchar, window_start timestamp,"
            " n bigint, sum double, min double, max double, mean double, stddev double, first double, last double,"
            " first_at timestamp, last_at timestamp, bad_n bigint)"
        )
        connection.register("given", rows.to_arrow())
        connection.execute("insert into readings_1h by name select * from given")
        connection.execute(
            "insert into state by name select distinct 'readings_1h' as model, window_start, '' as generation,"
            " 1::bigint as position from given"
        )
        connection.unregister("given")


def series(seed: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    rng = np.random.default_rng(seed)
    return 15 + 5 * np.sin(2 * np.pi * np.arange(HOURS) / 24) + rng.normal(0, 0.5, HOURS)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, make_hourly: Make) -> Home:
    """A champion made of 30 days, and 10 days that came after."""
    found = Home(tmp_path_factory.mktemp("built"))
    rows = make_hourly({"a": series(1), "b": series(2), "c": series(3)}, "temp").with_columns(
        pl.col("n").cast(pl.Int64)
    )
    cut = (START + timedelta(hours=TRAINED)).replace(tzinfo=None)
    write(found, rows.filter(pl.col("window_start") < cut))
    build_features(found, SITE)
    assert train(found, SITE, PROMOTED).promoted == 1
    write(found, rows.filter(pl.col("window_start") >= cut))
    build_features(found, SITE)
    return found


@pytest.fixture
def home(built: Home, tmp_path: Path) -> Home:
    """The same, for one test to change."""
    return Home(shutil.copytree(built.root, tmp_path / "home"))


def live(home: Home) -> None:
    """Forecasts of every hour, as if each had been made when its hour was over."""
    score(home, SITE, now=NOW)
    with writer(home, SITE, "test") as warehouse:
        warehouse.connection.execute("update predictions set created_at = issued_at + interval '65 minutes'")


def poison(home: Home) -> str:
    """A version whose forecasts are far off, promoted by hand a while ago."""
    good = forecasters.load_champion(home, "temp")
    assert good is not None
    folder = home.models / good.model_id
    spoilt = {name: (folder / name).read_bytes() for name in good.card.files}
    lines = msgspec.json.decode(spoilt["linear.json"])
    for line in lines.values():
        line["offset"] += 9.0
    spoilt["linear.json"] = msgspec.json.encode(lines)
    rules = tuple(msgspec.structs.replace(rule, served="linear") for rule in good.card.rules)
    later = PROMOTED + timedelta(hours=12)
    version = version_files.version_name(later, spoilt)
    forecasters.save(home, msgspec.structs.replace(good.card, version=version, created_at=later, rules=rules), spoilt)
    forecasters.promote(home, "temp", version, later, "by hand")
    return version


def test_a_poisoned_champion_is_rolled_back_and_the_reason_is_kept(home: Home) -> None:
    good = forecasters.champion_periods(home, "temp")[-1].version
    poisoned = poison(home)
    live(home)
    (health,) = monitor.monitor_forecasts(home, SITE, NOW)
    assert health.action.startswith("rolled back: error")
    periods = forecasters.champion_periods(home, "temp")
    assert [each.version for each in periods] == [good, poisoned, good]
    assert periods[-1].serves_from == NOW
    assert "rolled back" in periods[-1].why
    (again,) = monitor.monitor_forecasts(home, SITE, NOW + timedelta(hours=1))
    assert not again.action.startswith("rolled back")


@pytest.mark.parametrize(("share", "is_rolled_back"), [(1.0, True), (0.05, False)])
def test_one_bad_stretch_rolls_nothing_back(
    home: Home, monkeypatch: pytest.MonkeyPatch, share: float, is_rolled_back: bool
) -> None:
    """The mean error is the same; only where most of the stretches are worse it is no chance."""
    poison(home)
    live(home)
    made = iter([1.0 / share, 0.0])

    def served(_: object, __: object, ___: object, keys: ForecastKeys, ____: object) -> rollback._Served:
        target = keys.step + keys.horizon
        bad = target <= np.quantile(target, share)
        return rollback._Served(1 + next(made) * bad, target, keys.horizon)

    monkeypatch.setattr(rollback, "_served", served)
    (health,) = monitor.monitor_forecasts(home, SITE, NOW)
    assert health.action.startswith("rolled back") is is_rolled_back


def test_a_champion_whose_file_was_changed_is_rolled_back(home: Home) -> None:
    good = forecasters.champion_periods(home, "temp")[-1].version
    changed = home.models / version_files.folder_name("temp") / poison(home) / "median.txt"
    changed.write_bytes(changed.read_bytes() + b"\n")
    (health,) = monitor.monitor_forecasts(home, SITE, NOW)
    assert "SHA-256" in health.action
    assert forecasters.champion_periods(home, "temp")[-1].version == good
    sound = home.models / version_files.folder_name("temp") / good / "median.txt"
    sound.write_bytes(sound.read_bytes() + b"\n")
    (health,) = monitor.monitor_forecasts(home, SITE, NOW)
    assert health.action == "none: there is no intact version before it"
    assert "SHA-256" in health.breaches[0]
    (home.models / version_files.folder_name("temp") / "champion.json").write_text("{")
    (health,) = monitor.monitor_forecasts(home, SITE, NOW)
    assert "champion.json cannot be trusted" in health.breaches[0]


def test_scoring_goes_on_with_the_sound_version_before_a_changed_file(home: Home) -> None:
    good = forecasters.champion_periods(home, "temp")[-1].version
    changed = home.models / version_files.folder_name("temp") / poison(home) / "median.txt"
    changed.write_bytes(changed.read_bytes() + b"\n")
    score(home, SITE, now=NOW)
    newest = forecasters.champion_periods(home, "temp")[-1]
    assert newest.version == good
    assert "SHA-256" in newest.why


def test_a_sound_champion_stays_and_its_intervals_follow_the_live_record(home: Home) -> None:
    live(home)
    (health,) = monitor.monitor_forecasts(home, SITE, NOW)
    assert health.breaches == ()
    assert health.forecasts > 1000
    assert health.ratio_to_naive is not None
    assert health.ratio_to_naive < 1
    assert {each.version for each in forecasters.champion_periods(home, "temp")} == {
        forecasters.champion_periods(home, "temp")[0].version
    }
    assert monitor.monitor_forecasts(home, SITE, NOW)[0].action == "none"


def test_what_is_served_is_adjusted_to_the_backtest_and_what_came_since(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    live(home)
    champion = forecasters.load_champion(home, "temp")
    assert champion is not None
    rules, seen = champion.card.rules, []

    def noted(record: ForecastRecord, _: object) -> tuple[ServingRule, ...]:
        seen.append(record)
        return rules

    monkeypatch.setattr(monitor, "adjust", noted)
    monitor.monitor_forecasts(home, SITE, NOW)
    learnt_to = int(champion.card.trained_to.timestamp()) // 3600
    assert (seen[0].target <= learnt_to).sum() > 500
    assert (seen[0].target > learnt_to).sum() > 1000
    record = home.models / version_files.folder_name("temp") / champion.card.version / "backtest.parquet"
    record.write_bytes(b"")
    monitor.monitor_forecasts(home, SITE, NOW)
    assert seen[1].target.min() > learnt_to, "without a backtest what came since is left"


def test_what_was_made_after_its_hour_had_begun_is_no_live_record(home: Home) -> None:
    score(home, SITE, now=NOW)
    (health,) = monitor.monitor_forecasts(home, SITE, NOW)
    assert (health.forecasts, health.error, health.action) == (0, None, "none")


def test_an_adjustment_changes_no_forecast_that_was_issued_before_it(home: Home) -> None:
    score(home, SITE, now=NOW)
    champion = forecasters.load_champion(home, "temp")
    assert champion is not None
    rules = tuple(msgspec.structs.replace(rule, served="persistence", widening=9.0) for rule in champion.card.rules)
    forecasters.promote(home, "temp", champion.card.version, NOW - timedelta(hours=10), "by hand", rules)
    score(home, SITE, now=NOW)
    with writer(home, SITE, "test") as warehouse:
        found = warehouse.connection.execute(
            "select served = 'persistence', min(issued_at), max(issued_at) from predictions group by 1 order by 1"
        ).fetchall()
        history = warehouse.connection.execute("select count(*) from predictions_superseded").fetchall()
    at = (NOW - timedelta(hours=10)).replace(tzinfo=None)
    assert [row[0] for row in found] == [False, True]
    assert found[0][2] < at <= found[1][1]
    assert history[0][0] > 0


def test_drift_asks_for_a_training_once_and_a_newer_version_answers_it(home: Home) -> None:
    live(home)
    with writer(home, SITE, "test") as warehouse:
        cut = (START + timedelta(hours=TRAINED)).replace(tzinfo=None)
        warehouse.connection.execute(
            "update readings_1h set mean = mean + 30 * random() where window_start >= ?", [cut]
        )
    (health,) = monitor.monitor_forecasts(home, SITE, NOW)
    assert any("PSI" in each for each in health.breaches)
    assert "asked for training" in health.action
    (need,) = needs_training(home, SITE)
    assert "drift" in need.why
    build_features(home, SITE)
    train(home, SITE, NOW + timedelta(minutes=1))
    assert needs_training(home, SITE) == ()


def test_weights_that_hardly_moved_are_no_adjustment() -> None:
    def rule(served: str, widening: float = 0.1, **weights: float) -> ServingRule:
        return ServingRule(
            first=1,
            last=1,
            served=served,
            why="",
            widening=widening,
            widening_rests_on="",
            rows=1,
            mae={},
            weights=weights,
        )

    old = rule("mix", linear=0.6, lightgbm=0.4)
    assert not monitor._differs(rule("mix", linear=0.65, lightgbm=0.35), old)
    assert monitor._differs(rule("mix", linear=0.8, lightgbm=0.2), old)
    assert monitor._differs(rule("linear"), old)
    assert monitor._differs(rule("mix", 0.2, linear=0.6, lightgbm=0.4), old)


def test_a_metric_without_a_champion_has_no_health(tmp_path: Path) -> None:
    assert monitor.monitor_forecasts(Home(tmp_path), SITE, NOW) == ()


def test_the_stability_index_is_near_zero_for_the_same_law_and_large_for_another() -> None:
    rng = np.random.default_rng(1)
    same = drift.psi(rng.normal(0, 1, 2000), rng.normal(0, 1, 2000))
    other = drift.psi(rng.normal(0, 1, 2000), rng.normal(1, 1, 2000))
    assert same is not None
    assert other is not None
    assert same < 0.05 < drift.MOST_PSI < other
    assert drift.psi(np.zeros(10), np.zeros(500)) is None


@pytest.mark.parametrize(
    ("figures", "broken"),
    [
        ((None, None, None, None), 0),
        ((0.9, 0.9, 0.1, 0.1), 0),
        ((1.1, 0.9, 0.1, 0.1), 1),
        ((0.9, 0.5, 0.1, 0.1), 1),
        ((0.9, 0.99, 0.1, 0.1), 1),
        ((0.9, 0.9, 0.3, 0.1), 1),
        ((1.1, 0.5, 0.3, 0.9), 4),
    ],
)
def test_every_bound_is_a_breach_of_its_own(figures: tuple[float | None, ...], broken: int) -> None:
    ratio, coverage, psi, nulls = figures
    assert len(drift.breaches(ratio, coverage, psi, nulls)) == broken
