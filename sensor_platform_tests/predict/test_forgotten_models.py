"""What is forgotten leaves predictions and anomalies of real models, and the models that learnt from it are named."""

from pathlib import Path

import pytest

from sensor_platform.home import Home
from sensor_platform.kernel.clock import to_micros
from sensor_platform.landing.forget.rule import ForgetRule
from sensor_platform.predict.anomaly.build_anomalies import build_anomalies
from sensor_platform.predict.features.build_features import build_features
from sensor_platform.predict.forecast.score_job import score
from sensor_platform.predict.forecast.train import train
from sensor_platform.predict.trained_on import trained_on
from sensor_platform.warehouse.forgotten_rows import delete_forgotten
from sensor_platform_tests.predict.stage import NOW, Make, SiteOfTest, Stage, history


@pytest.mark.parametrize("names", [{"device": "a"}, {"metric": "temp"}, {"device": "a", "metric": "temp"}])
def test_rows_of_models_go_and_the_models_are_named(tmp_path: Path, make_hourly: Make, names: dict[str, str]) -> None:
    stage = Stage(Home(tmp_path), SiteOfTest())
    stage.write(history(make_hourly), 1)
    build_features(stage.home, stage.site)
    trained = train(stage.home, stage.site, NOW)
    score(stage.home, stage.site, days=trained.score_days, now=NOW)
    build_anomalies(stage.home, stage.site, now=NOW)
    tables = ("features", "predictions", "anomalies")
    assert all({"a", "b"} == set(stage.table(table)["device_id"]) for table in tables)
    rule = ForgetRule(at=to_micros(NOW) + 1, device=names.get("device"), metric=names.get("metric"))
    said = delete_forgotten(stage.home, stage.site, rule)
    assert said is not None
    left = {"b"} if "device" in names else set()
    for table in tables:
        assert set(stage.table(table)["device_id"]) == left
        assert next(each.rows for each in said if each.table == table) > 0
    (model,) = trained_on(stage.home, device=rule.device, metric=rule.metric)
    assert (model.name, model.is_champion, model.is_certain) == ("temp", True, True)
