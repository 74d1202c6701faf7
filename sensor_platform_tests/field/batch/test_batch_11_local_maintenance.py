"""Maintenance at a local time follows the clocks, and a mistake in it is explained."""

import json
from pathlib import Path

import pytest

from sensor_platform_tests.field.batch.rig import Place

_RULES = """
rules:
  - {{name: warm, kind: threshold, metric: temperature, devices: "cold-*", above: 8}}
maintenance:
  - {{devices: "*", {window}, every: 1d}}
"""
WINDOW_IN_BERLIN = 'start: "2025-03-27T02:00", end: "2025-03-27T04:00", timezone: Europe/Berlin'
"""The name of the key is completed by the change that adds it."""
MIXED = 'start: "2025-03-27T02:00+01:00", end: "2025-03-27T04:00"'


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="batch 11")
def test_batch_11_maintenance_at_two_in_berlin_follows_the_clocks(built: Place, tmp_path: Path) -> None:
    rules = tmp_path / "local.yaml"
    rules.write_text(_RULES.format(window=WINDOW_IN_BERLIN))
    said = built.run("alerts", "backtest", "--last", "3650d", "--events", "--format", "json", "--rules", rules)
    assert said.code == 0, f"maintenance has no zone: {said.text}"
    fired = [event for event in json.loads(said.out) if event["kind"] == "fired"]
    assert [(event["noticed_at"], event["suppressed"]) for event in fired] == [
        ("2025-03-27 01:30:00", "maintenance"),
        ("2025-03-31 00:30:00", "maintenance"),
        ("2025-03-31 02:30:00", ""),
    ]


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="batch 11")
def test_batch_11_one_time_with_and_one_without_an_offset_is_explained(built: Place, tmp_path: Path) -> None:
    rules = tmp_path / "mixed.yaml"
    rules.write_text(_RULES.format(window=MIXED))
    said = built.run("alerts", "backtest", "--last", "1d", "--rules", rules)
    if said.code == 0:
        return  # a time without an offset has a meaning
    assert "offset-naive" not in said.text, f"Python's own words: {said.text}"
    assert "docs/live.md" in said.text, f"the hint names another page than that of rules: {said.text}"
