"""The coverage that is promised, of the forecasts that were in force, in a simulated plant (`make coverage-plant`)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "bench_forecast_coverage.py"


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_nine_tenths_are_covered_of_what_was_in_force_when_the_hour_began() -> None:
    done = subprocess.run([sys.executable, str(BENCHMARK)], capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert 0.88 <= found["coverage"] <= 0.92
    assert found["judged_too_late"] == 0
    assert found["forecasts"] > 10_000
