"""A device whose clock is ahead does not make data look newer than its arrival."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sensor_platform_tests.field.batch.rig import Place, make_place

AHEAD = timedelta(minutes=55)


def layers(place: Place) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(place.must("status", "--json").out)["layers"]
    return {name: layer for name, layer in found.items() if layer["age_minutes"] is not None}


def test_batch_23_no_layer_is_younger_than_now(built: Place) -> None:
    found = layers(built)
    if len(found) < 5:
        pytest.fail(f"set-up: only {set(found)} have data")
    negative = {name: layer["age_minutes"] for name, layer in found.items() if layer["age_minutes"] < 0}
    assert not negative, f"layers of negative age: {negative}"


def test_batch_23_a_stop_is_noticed_in_spite_of_one_clock_that_is_ahead(tmp_path: Path) -> None:
    place = make_place(tmp_path, {"site.yaml": "name: clock\nstart: 2025-01-01\n"})
    stopped = datetime.now(UTC) - timedelta(minutes=40)
    place.arrive(1, "room-0", stopped, stopped, 20)
    if layers(place)["landing"]["verdict"] != "stale":
        pytest.fail("set-up: forty minutes without data are not stale")
    place.arrive(2, "room-fast", stopped + AHEAD, stopped, 20)
    landing = layers(place)["landing"]
    assert landing["verdict"] == "stale", f"nothing has come for 40 minutes, the landing layer is {landing}"
    assert landing["age_minutes"] == pytest.approx(40, abs=5)
