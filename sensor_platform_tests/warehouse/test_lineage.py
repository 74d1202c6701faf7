import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sensor_platform.home import Home
from sensor_platform.warehouse.config import WarehouseConfig
from sensor_platform.warehouse.dbt import runner as dbt_runner
from sensor_platform.warehouse.lineage import SLOTS, dbt_models, models


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = Home(tmp_path_factory.mktemp("lineage"))
    folder = dbt_runner.profile_folder(home, WarehouseConfig())
    parsed: dict[str, Any] = dbt_runner._manifest(folder, 10).to_dict(omit_none=False)
    return parsed


def marts(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    nodes = manifest["nodes"].values()
    return {node["name"]: node for node in nodes if node["resource_type"] == "model" and "marts" in node["fqn"]}


def test_dbt_and_python_agree_on_models_grain_parents_and_windows(manifest: dict[str, Any]) -> None:
    declared = marts(manifest)
    assert set(declared) == set(dbt_models())
    for name, node in declared.items():
        model, meta = models()[name], node["config"]["meta"]
        assert meta["grain"] == model.grain
        assert tuple(meta["parents"]) == tuple(parent for parent in model.parents if parent != SLOTS)
        if model.grain != "whole":
            assert node["config"]["window_column"] == model.window_column


def test_the_parents_in_the_lineage_are_those_in_the_sql(manifest: dict[str, Any]) -> None:
    for name, node in marts(manifest).items():
        read = {unique.rsplit(".", 1)[-1] for unique in node["depends_on"]["nodes"]}
        tables = {parent for parent in read if parent in models()}
        assert tables == {parent for parent in models()[name].parents if parent != SLOTS}


def test_every_model_and_test_is_described_and_every_model_states_its_grain(manifest: dict[str, Any]) -> None:
    for node in manifest["nodes"].values():
        if node["resource_type"] == "model":
            assert "Grain: one row per" in node["description"], node["name"]
    for node in manifest["nodes"].values():
        if node["resource_type"] == "test":
            assert len(node["name"].split("_")) >= 5, node["name"]
            assert node["description"], node["name"]


def test_the_project_parses_without_a_data_folder(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).parent / "sensor-platform"), "dbt", "parse", "--quiet"]
    done = subprocess.run(
        command, env={"SENSOR_PLATFORM_HOME": str(tmp_path / "none"), "PATH": ""}, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert not (tmp_path / "none").exists()
    written = json.loads((dbt_runner.PROJECT / "target" / "manifest.json").read_text())
    assert written["sources"]["source.sensor_platform.landing.readings"]["config"]["meta"]["dagster"]["asset_key"] == [
        "landing"
    ]
