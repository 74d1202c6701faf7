"""A metric that never changes has a model, and a version that was refused is listed with the reason."""

from pathlib import Path

import pytest

from sensor_platform.home import Home
from sensor_platform_tests.field.batch.hours import daily_wave, predict, train, write_hours
from sensor_platform_tests.field.batch.rig import make_place

HOURS = 45 * 24


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="batch 13")
@pytest.mark.parametrize("value", [21.0, 0.0])
def test_batch_13_a_constant_is_forecast_as_itself(tmp_path: Path, value: float) -> None:
    home = Home(tmp_path)
    site = write_hours(home, "setpoint", {"room-1": [value] * HOURS, "room-2": [value] * HOURS})
    (report,) = train(home, site, HOURS).metrics
    if not report.trained:
        pytest.fail(f"set-up: {report.why}")
    assert report.promoted, f"every candidate's error is 0, and the model is refused: {report.why}"
    rows = predict(home, site, HOURS)
    assert {(row["lower"], row["value"], row["upper"]) for row in rows} == {(value, value, value)}


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="batch 13")
def test_batch_13_a_refused_version_is_listed_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = make_place(tmp_path, {"site.yaml": "name: refused\nstart: 2025-01-01\n"})
    monkeypatch.setattr("sensor_platform.predict.forecast.promotion.MOST_BYTES", 1)
    home = Home(place.home)
    hours = 10 * 24
    site = write_hours(home, "temperature", {"room-1": daily_wave(hours, 1), "room-2": daily_wave(hours, 2)})
    (report,) = train(home, site, hours).metrics
    if report.promoted or "more than the 1 that" not in report.why:
        pytest.fail(f"set-up: the version was not refused for its size: {report.why}")
    listed = place.must("models", "list").out
    assert "bytes, more than the 1" in listed, f"not a word of the reason:\n{listed}"
