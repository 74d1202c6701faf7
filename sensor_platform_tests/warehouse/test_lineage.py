"""`lineage.json` and the dbt project that it is generated from."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest

from sensor_platform.home import Home
from sensor_platform.retention.config import RetentionConfig
from sensor_platform.warehouse.config import WarehouseConfig
from sensor_platform.warehouse.dbt import runner as dbt_runner
from sensor_platform.warehouse.dbt.declared import declared, lineage_text
from sensor_platform.warehouse.lineage import LINEAGE_FILE, READINGS, SLOTS, models
from sensor_platform.warehouse.meta import RetentionSetting


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A fresh parse, which writes nothing to the checkout."""
    home = Home(tmp_path_factory.mktemp("lineage"))
    folder = dbt_runner.profile_folder(home, WarehouseConfig())
    outcome = dbt_runner._dbt(["parse", *dbt_runner._places(folder, {"slot_minutes": 10}), *dbt_runner._SILENT])
    assert outcome.success, outcome.exception
    return outcome.result


@pytest.fixture(scope="module")
def manifest(parsed: Any) -> dict[str, Any]:
    found: dict[str, Any] = parsed.to_dict(omit_none=False)
    return found


def test_lineage_json_is_what_the_models_declare(parsed: Any) -> None:
    assert LINEAGE_FILE.read_text() == lineage_text(declared(parsed)).decode(), (
        f"{LINEAGE_FILE.name} is out of date: run `sensor-platform dbt parse` and commit the file"
    )


def test_only_the_readings_are_made_of_slots() -> None:
    assert [name for name, model in models().items() if SLOTS in model.parents] == [READINGS]


def test_parents_come_before_children() -> None:
    seen = {SLOTS}
    for name, model in models().items():
        assert seen >= {*model.parents}, name
        seen.add(name)


def test_every_retention_setting_of_a_table_can_be_declared() -> None:
    # files of the landing; predictions, which are no dbt tables; the ledger; the live store
    of_no_table = {"landing_days", "superseded_days", "drift_days", "alerts_days"}
    settings = {*RetentionConfig.__struct_fields__} - of_no_table
    assert settings == set(get_args(RetentionSetting))


def test_every_model_and_test_is_described_and_every_model_states_its_grain(manifest: dict[str, Any]) -> None:
    for node in manifest["nodes"].values():
        if node["resource_type"] == "model":
            assert "Grain: one row per" in node["description"], node["name"]
    for node in manifest["nodes"].values():
        if node["resource_type"] == "test":
            assert len(node["name"]) <= 40, f"{node['name']}: check names stay short enough to filter by"
            assert node["description"], node["name"]


def test_the_project_parses_without_a_data_folder(tmp_path: Path) -> None:
    before = LINEAGE_FILE.stat().st_mtime_ns
    program = str(Path(sys.executable).parent / "sensor-platform")
    command = [program, "dbt", "parse", "--quiet", "--target-path", str(tmp_path / "target")]
    done = subprocess.run(
        command, env={"SENSOR_PLATFORM_HOME": str(tmp_path / "none"), "PATH": ""}, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert not (tmp_path / "none").exists()
    written = json.loads((tmp_path / "target" / "manifest.json").read_text())
    assert written["sources"]["source.sensor_platform.landing.readings"]["config"]["meta"]["dagster"]["asset_key"] == [
        "landing"
    ]
    assert LINEAGE_FILE.stat().st_mtime_ns == before
