"""A refused challenger turns the blocking check of the model asset red, and the champion goes on serving."""

import hashlib
import json
from datetime import UTC, datetime, timedelta

import lightgbm
import msgspec
import numpy as np
import polars as pl
import pytest
from dagster import AssetKey, ExecuteInProcessResult, TableMetadataValue, materialize

from sensor_platform.labels.label_store import add_label, new_label
from sensor_platform.orchestration.assets.forecast import GATE, forecast_model, predictions
from sensor_platform.orchestration.assets.supervised import (
    TASK_GATE,
    TASK_HEALTHY,
    supervised_health,
    supervised_model,
)
from sensor_platform.predict.features.build_features import build_features
from sensor_platform.predict.forecast.config import ForecastConfig
from sensor_platform.predict.forecast.forecaster_registry import forecasters
from sensor_platform.predict.forecast.score_job import score
from sensor_platform.predict.forecast.selection.learn import LearnedForecaster, learn
from sensor_platform.predict.forecast.train import train
from sensor_platform.predict.supervised import external
from sensor_platform.predict.supervised.config import TaskConfig
from sensor_platform.predict.supervised.score_tasks import score_tasks
from sensor_platform.predict.supervised.task_registry import task_models as task_registry
from sensor_platform.warehouse.tables import writer
from sensor_platform_tests.orchestration.platforms import TODAY, Platform

HOURS = 20 * 24


@pytest.fixture
def featured(platform: Platform) -> Platform:
    """Three weeks of two devices up to the last whole hour."""
    site = msgspec.structs.replace(
        platform.settings.site,
        forecast=ForecastConfig(metrics=("t",), horizons=(1, 6, 12), backtest_hours=120),
        supervised=(TaskConfig(name="wet", kind="classes", labels=("dry", "wet"), metrics=("t",)),),
    )
    platform.settings = msgspec.structs.replace(platform.settings, site=site)
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    rng = np.random.default_rng(1)
    wave = np.sin(2 * np.pi * np.arange(HOURS) / 24)
    hours = pl.DataFrame(
        {
            "device_id": np.repeat(["a", "b"], HOURS),
            "metric": ["t"] * 2 * HOURS,
            "window_start": [(end - timedelta(hours=HOURS - n)).replace(tzinfo=None) for n in range(HOURS)] * 2,
            "mean": np.concatenate([20 + 5 * wave + rng.normal(0, 0.3, HOURS) for _ in range(2)]),
        }
    )
    with writer(platform.home, site, "test") as warehouse:
        connection = warehouse.connection
        connection.execute(
            "create table readings_1h (device_id varchar, metric varchar, window_start timestamp, n bigint, sum double,"
            " min double, max double, mean double, stddev double, first double, last double, first_at timestamp,"
            " last_at timestamp, bad_n bigint)"
        )
        connection.register("given", hours.to_arrow())
        connection.execute("insert into readings_1h by name select * from given")
        connection.execute(
            "insert into state by name select distinct 'readings_1h' as model, window_start, '' as generation,"
            " cast(1 as bigint) as position from given"
        )
        connection.unregister("given")
    build_features(platform.home, site)
    return platform


@pytest.fixture
def trained(featured: Platform) -> Platform:
    """With the champion that they make."""
    report = train(featured.home, featured.settings.site, datetime.now(UTC) - timedelta(days=1))
    assert report.promoted == 1
    return featured


def run(platform: Platform, *, only_model: bool) -> ExecuteInProcessResult:
    chosen = [forecast_model] if only_model else [forecast_model, predictions]
    return materialize(
        chosen,
        instance=platform.instance,
        resources={"settings": platform.settings},
        raise_on_error=False,
        partition_key=None if only_model else TODAY.isoformat(),
    )


@pytest.fixture
def spoilt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Challengers whose intervals cover nothing."""

    def worse(*parts: object, **more: object) -> LearnedForecaster | None:
        found = learn(*parts, **more)  # type: ignore[arg-type]
        assert found is not None
        return LearnedForecaster(
            **{name: getattr(found, name) for name in LearnedForecaster.__slots__} | {"coverage": 0.2}
        )

    monkeypatch.setattr("sensor_platform.predict.forecast.train.learn", worse)


def test_a_refused_challenger_fails_the_blocking_check_and_the_champion_still_serves(
    trained: Platform, spoilt: None
) -> None:
    champion = forecasters.champion_periods(trained.home, "t")[-1].version
    result = run(trained, only_model=False)
    assert not result.success
    (check,) = [each for each in result.get_asset_check_evaluations() if each.check_name == GATE]
    assert not check.passed
    assert check.blocking
    made = {event.asset_key for event in result.get_asset_materialization_events()}
    assert AssetKey("forecast_model") in made
    assert AssetKey("predictions") not in made
    assert forecasters.champion_periods(trained.home, "t")[-1].version == champion
    assert len(forecasters.versions(trained.home, "t")) == 2
    report = score(trained.home, trained.settings.site, now=datetime.now(UTC))
    assert report.rows > 0
    assert all(str(row["model_id"]).endswith(champion) for row in report.by_model)


def test_a_sound_challenger_passes_the_check(trained: Platform) -> None:
    result = run(trained, only_model=True)
    assert result.success
    assert len(forecasters.champion_periods(trained.home, "t")) == 2
    (made,) = result.get_asset_materialization_events()
    shown = made.materialization.metadata["backtest of t"].value
    assert str(shown).startswith("![backtest](data:image/png;base64,iVBOR")
    assert len(str(shown)) < 200_000


def train_tasks(platform: Platform) -> ExecuteInProcessResult:
    settings = {"settings": platform.settings}
    return materialize([supervised_model], instance=platform.instance, resources=settings, raise_on_error=False)


def test_a_task_without_labels_waits_and_blocks_nothing(featured: Platform) -> None:
    result = train_tasks(featured)
    (check,) = [each for each in result.get_asset_check_evaluations() if each.check_name == TASK_GATE]
    assert check.passed
    assert result.success


def test_a_task_whose_challenger_knows_nothing_of_other_devices_is_refused(featured: Platform) -> None:
    now = int(datetime.now(UTC).timestamp()) * 1_000_000
    for device, text in (("a", "dry"), ("b", "wet")):
        add_label(featured.home, new_label(device, text, 0, now, source="test", now=now))
    result = train_tasks(featured)
    assert not result.success
    (check,) = [each for each in result.get_asset_check_evaluations() if each.check_name == TASK_GATE]
    assert not check.passed
    assert check.blocking
    assert task_registry.champion_periods(featured.home, "wet") == ()
    assert len(task_registry.versions(featured.home, "wet")) == 1


def drop_in(platform: Platform, at: datetime, *, upside_down: bool) -> None:
    """A model that says by the value whether it is wet, or the opposite."""
    values = np.linspace(10, 30, 200)
    data = lightgbm.Dataset(values[:, None], label=(values > 20) != upside_down, feature_name=["t"])
    booster = lightgbm.train({"objective": "binary", "verbosity": -1, "num_threads": 1}, data, 20)
    model, card = platform.home.root / "wet.txt", platform.home.root / "wet.json"
    booster.save_model(str(model))
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    card.write_text(
        json.dumps({"task": "wet", "kind": "classes", "sha256": digest, "features": ["t"], "classes": ["dry", "wet"]})
    )
    external.add_model(platform.home, model, card, {task.name: task for task in platform.settings.site.supervised}, at)


def test_a_worse_live_record_of_a_task_is_rolled_back_and_shown(featured: Platform) -> None:
    task = TaskConfig(name="wet", kind="classes", labels=("dry", "wet"), inputs={"t": "t"})
    site = msgspec.structs.replace(featured.settings.site, supervised=(task,))
    featured.settings = msgspec.structs.replace(featured.settings, site=site)
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    for day in range(18):
        for half, text in ((1, "wet"), (13, "dry")):
            first = int((end - timedelta(hours=HOURS - day * 24 - half)).timestamp()) * 1_000_000
            for device in ("a", "b"):
                said = new_label(device, text, first, first + 10 * 3_600_000_000, source="test", now=first)
                add_label(featured.home, said)
    drop_in(featured, end - timedelta(days=19), upside_down=False)
    drop_in(featured, end - timedelta(days=18), upside_down=True)
    score_tasks(featured.home, site, now=datetime.now(UTC))
    result = materialize([supervised_health], instance=featured.instance, resources={"settings": featured.settings})
    (check,) = [each for each in result.get_asset_check_evaluations() if each.check_name == TASK_HEALTHY]
    assert not check.passed
    assert not check.blocking
    (made,) = result.get_asset_materialization_events()
    shown = made.materialization.metadata["tasks"]
    assert isinstance(shown, TableMetadataValue)
    (row,) = shown.records
    assert str(row.data["action"]).replace("\N{NO-BREAK SPACE}", " ").startswith("rolled back: decisions cost")
    periods = task_registry.champion_periods(featured.home, "wet")
    assert [each.version == periods[0].version for each in periods] == [True, False, True]
