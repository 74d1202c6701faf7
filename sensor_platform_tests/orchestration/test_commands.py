"""Dagster's own commands, as a person types them, in processes of their own."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from sensor_platform_tests.orchestration.platforms import TODAY, Platform, at

ROOT = Path(__file__).resolve().parents[2]
DAGSTER = (sys.executable, "-W", "ignore::FutureWarning", "-m", "dagster")


def dagster(*arguments: str, home: Path | None, cwd: Path) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("SENSOR_PLATFORM", "DAGSTER"))}
    environ["DAGSTER_HOME"] = str(cwd)
    (cwd / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    if home is not None:
        environ["SENSOR_PLATFORM_HOME"] = str(home)
    return subprocess.run(
        [*DAGSTER, *arguments], env=environ, cwd=cwd, capture_output=True, text=True, timeout=200, check=False
    )


@pytest.mark.parametrize("has_home", [pytest.param(True, marks=pytest.mark.soak), False])
def test_definitions_validate_with_and_without_a_home(tmp_path: Path, has_home: bool) -> None:
    home = tmp_path / "home" if has_home else None
    done = dagster("definitions", "validate", "-w", str(ROOT / "workspace.yaml"), home=home, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "All code locations passed validation" in done.stdout + done.stderr
    assert not (tmp_path / "home").exists(), "loading definitions writes nothing"
    assert not (tmp_path / "data").exists()


def test_assets_are_listed(tmp_path: Path) -> None:
    done = dagster("asset", "list", "-m", "sensor_platform.definitions", home=None, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {"landing", "readings_clean", "features", "forecast_model", "published"} <= set(done.stdout.split())


def test_a_range_is_materialised_from_the_command_line(platform: Platform, tmp_path: Path) -> None:
    first = TODAY - timedelta(days=4)
    platform.arrive(("d1", at(first, 10), 1.0), ("d1", at(first + timedelta(days=1), 10), 1.0))
    done = dagster(
        *("asset", "materialize", "-m", "sensor_platform.definitions", "--select", 'key:"landing"+'),
        *("--partition-range", f"{first}...{first + timedelta(days=1)}"),
        home=platform.home.root,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert platform.analysts("select count(*) from readings_clean") == [(2,)]
