"""Conditions of rules mean what they look like, and no rules.yaml that is accepted ends the live process."""

from pathlib import Path
from typing import Any

import pytest

from sensor_platform_tests.field.live.rig import live_site, refusal_of


def _condition(when: str) -> dict[str, Any]:
    return {"name": "both", "kind": "expression", "when": when, "severity": "critical"}


def _firing(folder: Path, when: str, **values: float) -> list[str]:
    """Rules that fire on one message of one device."""
    with live_site(folder, {"rules": [_condition(when)]}) as site:
        site.receive(0, {"device_id": "m", **values})
        return site.firing


VOTE = "(t1 > 80) + (t2 > 80) + (t3 > 80) >= 2"


@pytest.mark.parametrize(
    "values", [{"t1": 90, "t2": 90, "t3": 90}, {"t1": 90, "t2": 20, "t3": 90}], ids=["three", "two"]
)
def test_live_05_two_of_three_fires_or_is_refused(tmp_path: Path, values: dict[str, float]) -> None:
    if refusal_of(tmp_path, _condition(VOTE)):
        return
    assert _firing(tmp_path, VOTE, **values) == ["both"], "two of three are above 80, and the rule does not fire"


def test_live_05_one_of_three_does_not_fire(tmp_path: Path) -> None:
    assert refusal_of(tmp_path, _condition(VOTE)) or not _firing(tmp_path, VOTE, t1=90, t2=20, t3=20)


@pytest.mark.parametrize("when", ["pump_on and pressure > 5", "pump_on or pressure > 50"])
def test_live_05_a_metric_without_a_value_is_not_true(tmp_path: Path, when: str) -> None:
    if refusal_of(tmp_path, _condition(when)):
        return
    assert not _firing(tmp_path, when, pressure=9), "the rule fires without any value of pump_on"


@pytest.mark.parametrize("when", ["(a > 5) - (b > 5) > 0", "-(a > 5) < 0"])
def test_live_05_arithmetic_on_comparisons_is_refused_or_works(tmp_path: Path, when: str) -> None:
    if refusal_of(tmp_path, _condition(when)):
        return
    try:
        firing = _firing(tmp_path, when, a=9, b=1)
    except TypeError as error:
        raise AssertionError(f"an accepted condition ends the engine: {error}") from error
    assert firing == ["both"]


def test_live_05_a_maintenance_that_repeats_every_0s_does_not_end_the_engine(tmp_path: Path) -> None:
    rule = {"name": "hot", "kind": "threshold", "metric": "t", "above": 1}
    outage = {"start": "2020-01-01", "end": "2020-01-02", "every": "0s"}
    if refusal_of(tmp_path, rule, maintenance=[outage]):
        return
    with live_site(tmp_path, {"rules": [rule], "maintenance": [outage]}) as site:
        try:
            site.receive(0, {"device_id": "m", "t": 9})
        except ZeroDivisionError as error:
            raise AssertionError("an accepted maintenance ends the engine at its first event") from error
        assert site.firing == ["hot"]


def test_live_05_a_maintenance_that_repeats_before_it_is_over_is_refused(tmp_path: Path) -> None:
    rule = {"name": "hot", "kind": "threshold", "metric": "t", "above": 1}
    outage = {"start": "2020-01-01", "end": "2020-01-03", "every": "1d"}
    assert refusal_of(tmp_path, rule, maintenance=[outage]), "it repeats every day and lasts two, and is accepted"
