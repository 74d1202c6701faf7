from datetime import datetime
from pathlib import Path

import pytest

from sensor_platform.errors import WrongUse
from sensor_platform.warehouse.catalog import (
    CalibrationPeriod,
    Device,
    Metric,
    read_calibration,
    read_catalog,
    read_devices,
    read_metrics,
)


def test_limits_may_be_empty_and_other_columns_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("metric,unit,note,min,max\ntemp,degC,roof,-40,85\nPM2.5,,,0,\n")
    assert read_metrics(path) == [Metric("temp", "degC", "gauge", -40.0, 85.0), Metric("PM2.5", None, "gauge", 0.0)]


def test_a_missing_file_has_no_rows(tmp_path: Path) -> None:
    assert read_metrics(tmp_path / "metrics.csv") == []


def test_devices_have_a_place_a_type_and_a_cadence(tmp_path: Path) -> None:
    path = tmp_path / "devices.csv"
    path.write_text("device_id,site,area,type,cadence_s,owner\nd,north,hall 1,pump,2.5,me\ne,,,,,\n")
    assert read_devices(path) == [Device("d", "north", "hall 1", "pump", 2.5), Device("e")]


def test_calibration_takes_utc_and_offsets_and_defaults_to_no_change(tmp_path: Path) -> None:
    path = tmp_path / "calibration.csv"
    path.write_text("device_id,metric,gain,offset,valid_from,valid_to\nd,t,2,,2026-01-01T01:00:00+01:00,\n")
    assert read_calibration(path) == [CalibrationPeriod("d", "t", 2.0, 0.0, datetime(2026, 1, 1))]  # noqa: DTZ001 - plain UTC


@pytest.mark.parametrize(
    ("file", "text", "line", "said"),
    [
        ("metrics.csv", "name,min\nt,1\n", 1, "no column 'metric'"),
        ("metrics.csv", "metric,min\nt,warm\n", 2, "min is 'warm'"),
        ("metrics.csv", "metric,min\nt,nan\n", 2, "min is 'nan'"),
        ("metrics.csv", "metric,min,max\nt,2,1\n", 2, "larger than max"),
        ("metrics.csv", "metric\nt\nu\nt\n", 4, "already in line 2"),
        ("metrics.csv", "metric,min\n,1\n", 2, "no metric"),
        ("metrics.csv", "metric,kind\nt,meter\n", 2, "kind is 'meter'"),
        ("metrics.csv", "metric,max_change_per_s\nt,0\n", 2, "max_change_per_s is '0'"),
        ("metrics.csv", "metric,stuck_after_s\nt,90000\n", 2, "longer than a day"),
        ("devices.csv", "device_id,cadence_s\nd,-1\n", 2, "cadence_s is '-1'"),
        ("devices.csv", "device_id\nd\nd\n", 3, "device 'd' is already in line 2"),
        ("calibration.csv", "device_id,metric,valid_from,valid_to\nd,t,2026-02-01,2026-02-01\n", 2, "is not after"),
        ("calibration.csv", "device_id,metric,valid_from\nd,t,yesterday\n", 2, "valid_from is 'yesterday'"),
        (
            "calibration.csv",
            "device_id,metric,valid_from,valid_to\nd,t,,2026-02-01\nd,t,2026-01-31,\n",
            3,
            "overlaps another",
        ),
    ],
)
def test_a_mistake_is_named_with_file_and_line(tmp_path: Path, file: str, text: str, line: int, said: str) -> None:
    (tmp_path / file).write_text(text)
    with pytest.raises(WrongUse) as error:
        read_catalog(tmp_path)
    assert f"{file}:{line}:" in error.value.message
    assert said in error.value.message
    assert error.value.hint
