"""Every command and Dagster's warm process read the settings: those must load nothing heavy, nor start a thread."""

import subprocess
import sys

_HEAVY = ("numpy", "polars", "duckdb", "pyarrow", "lightgbm", "paho", "starlette", "uvicorn", "apprise")


def test_settings_load_nothing_heavy() -> None:
    code = f"import sys, sensor_platform.settings; print([each for each in {_HEAVY!r} if each in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found.strip() == "[]"
