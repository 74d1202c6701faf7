import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from sensor_platform.errors import CheckFailed
from sensor_platform.home import Home
from sensor_platform.predict.anomaly.build_anomalies import build_anomalies
from sensor_platform.predict.features import feature_table as features
from sensor_platform.predict.features.build_features import build_features
from sensor_platform.predict.forecast import predict
from sensor_platform.predict.forecast.config import ForecastConfig
from sensor_platform.predict.forecast.forecaster_registry import forecasters
from sensor_platform.predict.forecast.score_job import score
from sensor_platform.predict.forecast.train import needs_training, train
from sensor_platform.predict.registry import version_files
from sensor_platform.warehouse.tables import writer
from sensor_platform_tests.predict.stage import HISTORY, NOW, START, Make, SiteOfTest, Stage, after, history, wave

LATER = START + timedelta(days=60)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(Home(tmp_path), SiteOfTest())


@pytest.fixture(scope="module")
def once_trained(tmp_path_factory: pytest.TempPathFactory, make_hourly: Make) -> Path:
    stage = Stage(Home(tmp_path_factory.mktemp("trained")), SiteOfTest())
    stage.write(history(make_hourly), 1)
    build_features(stage.home, stage.site)
    assert train(stage.home, stage.site, NOW).promoted == 1
    return stage.home.root


@pytest.fixture
def trained(once_trained: Path, tmp_path: Path) -> Stage:
    return Stage(Home(shutil.copytree(once_trained, tmp_path / "home")), SiteOfTest())


def test_from_hours_to_predictions(stage: Stage, make_hourly: Make) -> None:
    stage.write(history(make_hourly), 1)
    built = build_features(stage.home, stage.site, position=1)
    assert (built.windows, built.rows) == (HISTORY, 2 * HISTORY)
    assert built.by_metric == ({"metric": "temp", "rows": 2 * HISTORY, "devices": 2},)
    assert built.newest_hour == START + timedelta(hours=HISTORY - 1)
    assert [need.metric for need in needs_training(stage.home, stage.site)] == ["temp"]

    trained = train(stage.home, stage.site, NOW)
    assert (trained.promoted, trained.metrics[0].trained) == (1, True)
    assert [row["last"] for row in trained.backtest] == [1, 24]
    assert trained.score_days == ((NOW - timedelta(days=1)).date(), NOW.date())
    assert needs_training(stage.home, stage.site) == ()

    scored = score(stage.home, stage.site, days=trained.score_days, now=NOW)
    assert scored.rows == 2 * (1 + 24)
    assert scored.newest_issued_at == built.newest_hour
    rows = stage.table("predictions")
    assert dict(rows.schema) == predict.schema()
    assert (rows["target_at"] > rows["trained_to"]).all()


def test_a_metric_that_is_added_to_a_site_with_history_is_trained_at_once(stage: Stage, make_hourly: Make) -> None:
    """The training may be asked for before the run of days that would make the features of the new metric."""
    stage.write(history(make_hourly), 1)
    stage.write(history(make_hourly, metric="rain").with_columns(pl.col("window_start") + pl.duration(days=90)), 2)
    build_features(stage.home, replace(stage.site, forecast=ForecastConfig(metrics=("rain",))), position=2)
    assert set(stage.table("features")["metric"]) == {"rain"}
    report = train(stage.home, stage.site, NOW)
    assert (report.promoted, report.metrics[0].why) == (1, "first model of this metric")
    assert score(stage.home, stage.site, days=report.score_days, now=NOW).rows > 0


def test_a_metric_without_any_reading_waits_and_says_so(stage: Stage) -> None:
    (metric,) = train(stage.home, stage.site, NOW).metrics
    assert (metric.trained, metric.why) == (False, "no hourly value of it yet")


def test_a_second_run_has_nothing_to_do_and_a_full_rerun_changes_nothing(trained: Stage) -> None:
    score(trained.home, trained.site, position=1, now=NOW)
    tables = {name: trained.table(name) for name in ("features", "predictions")}
    assert build_features(trained.home, trained.site, position=1).windows == 0
    assert score(trained.home, trained.site, position=1, now=NOW + timedelta(hours=1)).windows == 0
    assert build_features(trained.home, trained.site).windows == HISTORY
    assert score(trained.home, trained.site, now=NOW + timedelta(hours=1)).windows == HISTORY
    for name, rows in tables.items():
        assert_frame_equal(trained.table(name), rows, check_exact=True)


def test_day_by_day_equals_one_range(
    trained: Stage, make_hourly: Make, tmp_path_factory: pytest.TempPathFactory
) -> None:
    daily = Stage(Home(tmp_path_factory.mktemp("daily")), trained.site)
    daily.write(history(make_hourly), 1)
    first = (START + timedelta(days=HISTORY // 24 - 10)).date()
    for day in range(10):
        at = first + timedelta(days=day)
        build_features(daily.home, daily.site, days=(at, at))
    expected = trained.table("features").filter(pl.col("window_start") >= pl.lit(first))
    assert_frame_equal(daily.table("features"), expected, check_exact=True)


def test_hours_that_waited_for_the_first_model_are_scored_though_nothing_is_dirty(
    stage: Stage, make_hourly: Make
) -> None:
    stage.write(history(make_hourly), 1)
    build_features(stage.home, stage.site, position=1)
    early = score(stage.home, stage.site, position=1, now=NOW)
    assert early.rows == 0
    assert early.by_model[0]["note"] == "no model yet: it waits for training"
    train(stage.home, stage.site, NOW)
    assert score(stage.home, stage.site, position=1, now=NOW).rows == 2 * (1 + 24)


def test_what_a_first_model_adds_is_published_though_no_evidence_is_new(stage: Stage, make_hourly: Make) -> None:
    stage.write(history(make_hourly), 1)
    build_features(stage.home, stage.site, position=1)
    score(stage.home, stage.site, position=1, now=NOW)
    assert published_days(stage, mark=True) == set(range(30))
    train(stage.home, stage.site, NOW)
    score(stage.home, stage.site, position=1, now=NOW)
    assert published_days(stage) == set(range(29))
    published_days(stage, mark=True)
    score(stage.home, stage.site, now=NOW)
    assert published_days(stage) == set(range(30))


def published_days(stage: Stage, *, mark: bool = False) -> set[int]:
    """Days, counted from the start, whose published predictions pass for up to date; with `mark`, after marking all."""
    with writer(stage.home, stage.site, "test") as warehouse:
        if mark:
            warehouse.connection.execute("delete from state where model = 'published.predictions'")
            warehouse.connection.execute(
                "insert into state by name select distinct 'published.predictions' as model, '' as generation,"
                " date_trunc('day', window_start)::timestamp as window_start, position from state"
                " where model = 'predictions'"
            )
        found = warehouse.connection.execute(
            "select window_start from state where model = 'published.predictions'"
        ).fetchall()
    return {(at.replace(tzinfo=UTC) - START).days for (at,) in found}


def test_a_late_value_changes_only_rows_within_its_reach_and_equals_a_full_build(
    trained: Stage, make_hourly: Make
) -> None:
    before = trained.table("features")
    late = history(make_hourly).with_columns(pl.col("mean") + 1.0)
    late = late.filter(pl.col("window_start") == (START + timedelta(hours=400)).replace(tzinfo=None))
    trained.write(late, 2)
    assert build_features(trained.home, trained.site, position=2).windows == 169
    after_late = trained.table("features")
    in_reach = pl.col("window_start").is_between(
        (START + timedelta(hours=400)).replace(tzinfo=None), (START + timedelta(hours=567)).replace(tzinfo=None)
    )
    assert_frame_equal(after_late.filter(~in_reach), before.filter(~in_reach), check_exact=True)
    untouched = after_late.filter(in_reach).join(before, on=before.columns, how="semi", nulls_equal=True)
    assert untouched.is_empty()
    build_features(trained.home, trained.site)
    assert_frame_equal(trained.table("features"), after_late, check_exact=True)


def test_an_hour_that_became_empty_loses_its_features_and_predictions(trained: Stage, make_hourly: Make) -> None:
    score(trained.home, trained.site, position=1, now=NOW)
    last = after(history(make_hourly), HISTORY - 1)
    trained.write(last.with_columns(mean=pl.lit(None, pl.Float64)), 2)
    build_features(trained.home, trained.site, position=2)
    score(trained.home, trained.site, position=2, now=NOW)
    hour = (START + timedelta(hours=HISTORY - 1)).replace(tzinfo=None)
    assert trained.table("features").filter(pl.col("window_start") == hour).is_empty()
    assert trained.table("predictions").filter(pl.col("issued_at") == hour).is_empty()
    assert not trained.table("predictions").is_empty()


def test_a_younger_model_serves_new_hours_and_leaves_old_forecasts_alone(trained: Stage, make_hourly: Make) -> None:
    longer = history(make_hourly, HISTORY + 48)
    trained.write(
        after(longer, HISTORY).filter(pl.col("window_start") < (NOW + timedelta(hours=24)).replace(tzinfo=None)), 2
    )
    build_features(trained.home, trained.site, position=2)
    score(trained.home, trained.site, position=2, now=NOW)
    old = trained.table("predictions")

    tomorrow = NOW + timedelta(days=1, hours=3)
    report = train(trained.home, trained.site, tomorrow)
    assert report.score_days is None
    assert report.metrics[0].promoted, report.metrics[0].why
    trained.write(after(longer, HISTORY + 25), 3)
    build_features(trained.home, trained.site, position=3)
    score(trained.home, trained.site, now=tomorrow + timedelta(days=1))
    new = trained.table("predictions")
    at = pl.col("issued_at") < tomorrow.replace(tzinfo=None)
    assert_frame_equal(
        new.join(old, on=predict.KEYS, how="semi").sort(predict.KEYS), old.sort(predict.KEYS), check_exact=True
    )
    assert new.filter(at)["model_id"].n_unique() == 1
    assert new.filter(~at)["model_id"].unique().to_list() == [report.metrics[0].model_id]


def test_a_metric_without_enough_history_waits_and_is_noted(stage: Stage, make_hourly: Make) -> None:
    stage.write(history(make_hourly, 100), 1)
    build_features(stage.home, stage.site)
    report = train(stage.home, stage.site, NOW)
    assert (report.promoted, report.metrics[0].trained, report.score_days) == (0, False, None)
    assert "100 of the 168 hours" in report.metrics[0].why
    (need,) = needs_training(stage.home, stage.site)
    assert (need.why, need.last_asked_at) == (report.metrics[0].why, NOW)


def test_an_hour_that_is_not_over_is_not_learnt_from(stage: Stage, make_hourly: Make) -> None:
    stage.write(history(make_hourly), 1)
    build_features(stage.home, stage.site)
    half_past = START + timedelta(hours=HISTORY - 1, minutes=30)
    report = train(stage.home, stage.site, half_past)
    assert report.metrics[0].trained_to == START + timedelta(hours=HISTORY - 2)


def with_metrics(stage: Stage, *metrics: str) -> Stage:
    config = ForecastConfig(metrics=metrics, horizons=(1, 24), backtest_hours=120)
    return Stage(stage.home, SiteOfTest(forecast=config))


def test_a_metric_configured_later_gets_its_whole_history(trained: Stage, make_hourly: Make) -> None:
    trained.write(pl.concat([history(make_hourly), history(make_hourly, metric="rain")]), 1)
    assert build_features(trained.home, trained.site, position=1).windows == 0
    both = with_metrics(trained, "temp", "rain")
    today = (START + timedelta(hours=HISTORY)).date()
    report = build_features(both.home, both.site, days=(today, today), position=1)
    assert report.new_metrics == ("rain",)
    assert {row["metric"]: row["rows"] for row in report.by_metric} == {"rain": 2 * HISTORY, "temp": 2 * HISTORY}
    assert build_features(both.home, both.site, position=1).new_metrics == ()


@pytest.mark.parametrize("metrics", [(), ("never seen",)])
def test_without_metrics_the_tables_exist_and_are_empty(
    stage: Stage, make_hourly: Make, metrics: Sequence[str]
) -> None:
    stage = with_metrics(stage, *metrics)
    stage.write(history(make_hourly, 30), 1)
    assert build_features(stage.home, stage.site).rows == 0
    assert train(stage.home, stage.site, NOW).promoted == 0
    assert score(stage.home, stage.site, now=NOW).rows == 0
    assert stage.table("features").schema == features.empty().schema
    assert stage.table("predictions").schema == predict.empty().schema


def test_an_empty_warehouse_is_no_error(stage: Stage) -> None:
    assert build_features(stage.home, stage.site).rows == 0
    assert train(stage.home, stage.site, NOW).metrics[0].why == "no hourly value of it yet"
    assert score(stage.home, stage.site, now=NOW).rows == 0


def test_hostile_device_and_metric_names_are_only_data(stage: Stage, make_hourly: Make) -> None:
    metric, device = "../'; drop table features; --", "\"); attach 'x' 🌡"
    stage = with_metrics(stage, metric)
    rows: pl.DataFrame = make_hourly({device: wave(1), "b": wave(2)}, metric)
    stage.write(rows, 1)
    build_features(stage.home, stage.site)
    assert train(stage.home, stage.site, NOW).promoted == 1
    assert score(stage.home, stage.site, now=NOW).rows == 2 * (1 + 24)
    assert set(stage.table("predictions")["device_id"]) == {device, "b"}


def tamper(stage: Stage, old: bytes, new: bytes) -> None:
    (version,) = forecasters.versions(stage.home, "temp")
    path = stage.home.models / version_files.folder_name("temp") / version / "median.txt"
    path.write_bytes(path.read_bytes().replace(old, new, 1))


def test_a_tampered_champion_stops_scoring_and_changes_no_table(trained: Stage) -> None:
    score(trained.home, trained.site, now=NOW)
    before = trained.table("predictions")
    tamper(trained, b"leaf_value=", b"leaf_value=9")
    with pytest.raises(CheckFailed, match=r"median\.txt"):
        score(trained.home, trained.site, now=NOW)
    assert_frame_equal(trained.table("predictions"), before)


def test_training_replaces_a_tampered_champion_and_keeps_its_old_forecasts(trained: Stage) -> None:
    score(trained.home, trained.site, now=NOW)
    before = trained.table("predictions")
    tamper(trained, b"leaf_value=", b"leaf_value=9")
    report = train(trained.home, trained.site, NOW + timedelta(hours=1))
    assert report.metrics[0].promoted
    assert "cannot be used" in report.metrics[0].why
    scored = score(trained.home, trained.site, now=NOW)
    assert "kept as they were" in str(scored.by_model[0]["note"])
    assert_frame_equal(trained.table("predictions"), before, check_exact=True)


def test_needs_training_notices_a_changed_horizon(trained: Stage) -> None:
    config = ForecastConfig(metrics=("temp",), horizons=(1, 24, 48))
    (need,) = needs_training(trained.home, SiteOfTest(forecast=config))
    assert "48 h" in need.why


def test_needs_training_opens_no_database(trained: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    import duckdb

    def refuse(*_: object, **__: Mapping[str, object]) -> None:
        raise AssertionError("opened")

    monkeypatch.setattr(duckdb, "connect", refuse)
    assert needs_training(trained.home, trained.site) == ()


def test_a_spike_a_shift_and_a_stuck_value_are_flagged_with_reasons_and_little_else(
    stage: Stage, make_hourly: Make
) -> None:
    spoilt = wave(1, 45 * 24)
    spoilt[36 * 24 + 5] += 12
    spoilt[38 * 24 : 38 * 24 + 12] += 5
    spoilt[41 * 24 : 41 * 24 + 20] = spoilt[41 * 24]
    rows = make_hourly({"a": spoilt, **{name: wave(seed, 45 * 24) for seed, name in enumerate("bcd", 2)}}, "temp")
    stage.write(rows.with_columns(pl.col("n").cast(pl.Int64)), 1)
    report = build_anomalies(stage.home, stage.site, position=1, now=LATER)
    found = stage.table("anomalies")
    assert report.rows == found.height
    hour = (pl.col("window_start") - START.replace(tzinfo=None)).dt.total_hours()
    own = found.filter(pl.col("device_id") == "a").with_columns(hour.alias("hour"))
    for first, hours in ((36 * 24 + 5, 1), (38 * 24 + 2, 10), (41 * 24 + 12, 8)):
        assert own.filter(pl.col("hour").is_between(first, first + hours - 1))["is_anomaly"].any(), first
    spike = own.filter(pl.col("hour") == 36 * 24 + 5).to_dicts()[0]
    assert spike["direction"] == "above"
    assert "temp is above what is ordinary by" in spike["reason"]
    others = found.filter(pl.col("device_id") != "a")["is_anomaly"]
    assert others.sum() < 0.10 * len(others)
    assert found.filter(~pl.col("is_anomaly"))["reason"].null_count() == found.filter(~pl.col("is_anomaly")).height


def test_anomalies_hour_by_hour_equal_those_of_one_build(stage: Stage, make_hourly: Make) -> None:
    stage.write(history(make_hourly, 40 * 24), 1)
    build_anomalies(stage.home, stage.site, now=LATER)
    whole = stage.table("anomalies")
    assert whole.height > 300
    with writer(stage.home, stage.site, "test") as warehouse:
        warehouse.connection.execute("delete from anomalies")
    for day in sorted(set(whole["window_start"].dt.date())):
        build_anomalies(stage.home, stage.site, days=(day, day), now=LATER)
    assert_frame_equal(stage.table("anomalies"), whole, check_exact=True)
