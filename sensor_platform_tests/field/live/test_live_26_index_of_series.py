"""After a flood of made-up names new devices have alarms again, some time later."""

from pathlib import Path

import pytest

from sensor_platform_tests.field.live.base import need
from sensor_platform_tests.field.live.rig import live_site

RULES = {"rules": [{"name": "hot", "kind": "threshold", "metric": "t", "above": 10}]}
YEAR = 366 * 86_400


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="live 26")
def test_live_26_series_without_news_make_room(tmp_path: Path) -> None:
    engine = {"settle": "0s", "most_series": 50}
    with live_site(tmp_path, RULES, engine=engine) as site:
        for at in range(6):
            site.receive(at, *({"device_id": f"junk-{at}-{number}", "t": 1} for number in range(10)))
        need(site.loop.engine.index.refused > 0, "the limit of series is reached")
        for days in range(1, 4):
            site.wait(YEAR + days * 86_400)
        site.receive(YEAR + 4 * 86_400, {"device_id": "boiler", "t": 500})
        assert site.firing == ["hot"], "a new device has no alarms a year after the flood"
