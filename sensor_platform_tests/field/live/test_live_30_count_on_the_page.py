"""The page does not call the value of a reading a number of readings."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from sensor_platform_tests.field.live.base import eventually, need, setting_up
from sensor_platform_tests.field.live.processes import running_live
from sensor_platform_tests.live.browser import browser

pytestmark = pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")
OFTEN: dict[str, Any] = {
    "name": "often",
    "kind": "count",
    "metric": "flow",
    "above": 100,
    "more_than": 2,
    "window": "1h",
}


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="live 30")
def test_live_30_a_reading_of_152_is_not_152_readings(tmp_path: Path) -> None:
    with running_live(tmp_path, {"rules": [OFTEN]}) as live:
        live.post(*({"device_id": "m", "flow": 152, "seq": number} for number in range(4)))
        need(eventually(lambda: live.get("/api/alerts")["alerts"], 10), "the alarm fires")
        with setting_up(), browser(tmp_path, live.url) as tab:
            shown = tab.wait("document.querySelector('.alarm .now')?.textContent")
    assert shown.strip() != "152 readings", "four readings of 152"
