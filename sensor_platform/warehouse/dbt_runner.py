"""dbt inside this process: a parsed project that is kept, a profile and a target folder per data folder, connections closed.

A warm invocation costs half a second where the command line costs four.
"""

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sensor_platform.durable import write_file
from sensor_platform.errors import CheckFailed
from sensor_platform.home import Home
from sensor_platform.warehouse.config import WarehouseConfig
from sensor_platform.warehouse.connection import duckdb_config

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"
INVOCATION = "SENSOR_PLATFORM_INVOCATION"

_parsed: dict[tuple[object, ...], Any] = {}
_one_at_a_time = threading.Lock()


@dataclass(frozen=True, slots=True)
class NodeResult:
    """What one dbt node did."""

    name: str
    kind: str
    """model, test, unit_test, ..."""
    status: str
    """success, pass, warn, fail, error or skipped"""
    severity: str
    """error or warn, for tests"""
    failures: int
    seconds: float
    message: str
    parents: tuple[str, ...]
    """Names of the models that it reads."""


def profile_folder(home: Home, config: WarehouseConfig) -> Path:
    """Write the profile of this data folder; returns the folder that holds it."""
    folder = home.warehouse / "dbt"
    output = {
        "type": "duckdb",
        "path": str(home.warehouse_file),
        "threads": 1,
        "config_options": duckdb_config(config),
    }
    content = {"sensor_platform": {"target": "duckdb", "outputs": {"duckdb": output}}}
    text = yaml.safe_dump(content).encode()
    path = folder / "profiles.yml"
    if not path.exists() or path.read_bytes() != text:
        write_file(path, text)
    return folder


def run(arguments: Sequence[str], folder: Path, *, slot_minutes: int, invocation: str) -> list[NodeResult]:
    """Run dbt in this process with the profile in `folder`; returns the results of its nodes, failed ones included.

    Raises:
        CheckFailed: dbt could not run at all.
    """
    from dbt.cli.main import dbtRunner

    with _one_at_a_time:
        manifest = _manifest(folder, slot_minutes)
        os.environ[INVOCATION] = invocation
        try:
            outcome = dbtRunner(manifest=manifest).invoke([*arguments, *_options(folder, slot_minutes)])
        finally:
            os.environ.pop(INVOCATION, None)
            _close()
    if outcome.exception is not None:
        raise CheckFailed(f"dbt failed: {outcome.exception}", "see warehouse/dbt/logs/dbt.log in the data folder")
    return [_node_result(result) for result in getattr(outcome.result, "results", ())]


def _options(folder: Path, slot_minutes: int) -> list[str]:
    options = [
        *("--project-dir", str(PROJECT), "--profiles-dir", str(folder)),
        *("--target-path", str(folder / "target"), "--log-path", str(folder / "logs"), "--log-level", "none", "--log-level-file", "info", "--no-write-json", "--no-print"),
    ]
    return options if slot_minutes == 10 else [*options, "--vars", f"{{slot_minutes: {slot_minutes}}}"]


def _manifest(folder: Path, slot_minutes: int) -> Any:  # noqa: ANN401 - dbt publishes no types
    """The parsed project, kept as long as none of its files changes."""
    from dbt.cli.main import dbtRunner

    files = sorted(
        path for path in PROJECT.rglob("*") if path.suffix in {".sql", ".yml"} and "target" not in path.parts
    )
    key = (slot_minutes, *((str(path), path.stat().st_mtime_ns) for path in files))
    if key not in _parsed:
        outcome = dbtRunner().invoke(["parse", *_options(folder, slot_minutes)])
        if outcome.exception is not None or outcome.result is None:
            raise CheckFailed(f"dbt cannot read its project: {outcome.exception}", "run `sensor-platform dbt parse`")
        _parsed.clear()
        _parsed[key] = outcome.result
    return _parsed[key]


def _close() -> None:
    """Close what dbt left open: an open DuckDB connection keeps every other process out."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.adapters.factory import reset_adapters

    DuckDBConnectionManager.close_all_connections()
    reset_adapters()


def _node_result(result: Any) -> NodeResult:  # noqa: ANN401
    node = result.node
    config = node.config
    return NodeResult(
        name=node.name,
        kind=str(node.resource_type),
        status=str(result.status),
        severity=str(getattr(config, "severity", "error")).lower(),
        failures=int(result.failures or 0),
        seconds=float(result.execution_time or 0.0),
        message=str(result.message or ""),
        parents=tuple(unique.rsplit(".", 1)[-1] for unique in node.depends_on.nodes if unique.startswith("model.")),
    )
