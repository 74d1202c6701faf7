"""`sensor-platform live` as a process whose clock is wrong for a while as it runs."""

import time
from pathlib import Path

import pytest

from sensor_platform_tests.field.live.processes import RunningLive, running_live
from sensor_platform_tests.running import wait_until
from sensor_platform_tests.shifted_clock import JUMPS, ShiftedClock, needs_compiler

RULES = {
    "rules": [
        {"name": "hot", "kind": "threshold", "metric": "temp", "above": 60.0},
        {"name": "silent", "kind": "no_data", "after": "6s"},
    ]
}


def firing(live: RunningLive) -> set[str]:
    """Rules whose alerts fire now."""
    return {each["rule"] for each in live.get("/api/alerts?state=firing")["alerts"]}


def send(live: RunningLive, temp: float) -> None:
    live.post({"device_id": "d1", "temp": temp})


@needs_compiler
@pytest.mark.parametrize(
    "jump", [pytest.param(each, marks=pytest.mark.soak) for each in list(JUMPS)[:-1]] + ["+3 years"]
)
def test_a_live_process_goes_on_through_a_jump_of_the_clock(tmp_path: Path, jump: str) -> None:
    clock = ShiftedClock(tmp_path / "clock")
    with running_live(tmp_path, RULES, environ=clock.environ) as live:
        for offset in (0, JUMPS[jump], 0):
            clock.set(offset)
            for temp, expected in ((20.0, set()), (70.0, {"hot"}), (20.0, set())):

                def is_seen(temp: float = temp, expected: set[str] = expected) -> bool:
                    send(live, temp)
                    return firing(live) == expected

                wait_until(is_seen, f"{temp} by a clock that is wrong by {offset} s: {firing(live)}", 20)
            received = max(each["received_at"] for each in live.get("/api/latest")["readings"])
            assert abs(received / 1e6 - time.time() - offset) < 60, "the clock was not moved"
            wait_until(lambda: firing(live) == {"silent"}, f"silence is told, {offset}: {firing(live)}", 20)
        assert live.process.poll() is None
