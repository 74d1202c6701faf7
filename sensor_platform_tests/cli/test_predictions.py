"""Predictions as a command, where nothing has been predicted yet."""

import pytest

from sensor_platform.cli.predictions import predictions
from sensor_platform.errors import Missing, WrongUse
from sensor_platform_tests.cli.running import said

pytestmark = pytest.mark.usefixtures("published")


def test_nothing_is_known_and_the_columns_are_named() -> None:
    (columns,) = said(predictions, "--format", "csv").splitlines()
    assert columns.startswith("device_id,metric,issued_at,horizon_hours,target_at,value,lower,upper")
    assert said(predictions, "--as-of", "12h").endswith("(0 rows)\n")


@pytest.mark.parametrize("option", ["--metric", "--task"])
def test_a_name_that_nobody_asked_for_is_missing(option: str) -> None:
    with pytest.raises(Missing, match="'nosuch'"):
        said(predictions, option, "nosuch")


def test_metrics_and_tasks_are_in_different_tables() -> None:
    with pytest.raises(WrongUse, match="different tables"):
        said(predictions, "--task", "a", "--metric", "b")


def test_a_time_that_is_none_is_refused() -> None:
    with pytest.raises(WrongUse, match="is not a time"):
        said(predictions, "--as-of", "soon")
