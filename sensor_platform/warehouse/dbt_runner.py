"""dbt inside this process: the parsed project kept, profile and target per data folder, connections closed.

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
DEFAULT_SLOT_MINUTES = 10
"""As in dbt_project.yml."""

_PARTS = ("models", "macros", "tests")
_SILENT = ("--log-level", "none", "--log-level-file", "info", "--no-write-json", "--no-print")

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
    outcome = _invoke([*arguments, *_SILENT], folder, slot_minutes, invocation)
    if outcome.exception is not None:
        raise CheckFailed(f"dbt failed: {outcome.exception}", "see warehouse/dbt/logs/dbt.log in the data folder")
    return [_node_result(result) for result in getattr(outcome.result, "results", ())]


def run_for_person(arguments: Sequence[str], folder: Path, *, slot_minutes: int, invocation: str) -> bool:
    """Run dbt with its own output on the terminal; True if it succeeded."""
    outcome = _invoke(list(arguments), folder, slot_minutes, invocation)
    return bool(outcome.success)


def run_on_project(arguments: Sequence[str]) -> bool:
    """Run a dbt command that needs no data folder; it writes to the project's own target. True if it succeeded."""
    from dbt.cli.main import dbtRunner

    places = ("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT))
    outputs = ("--target-path", str(PROJECT / "target"), "--log-path", str(PROJECT / "logs"))
    try:
        return bool(dbtRunner().invoke([*arguments, *places, *outputs]).success)
    finally:
        _close()


def _invoke(arguments: list[str], folder: Path, slot_minutes: int, invocation: str) -> Any:  # noqa: ANN401 - dbt has no types
    from dbt.cli.main import dbtRunner

    with _one_at_a_time:
        manifest = _manifest(folder, slot_minutes)
        os.environ[INVOCATION] = invocation
        try:
            return dbtRunner(manifest=manifest).invoke([*arguments, *_places(folder, slot_minutes)])
        finally:
            os.environ.pop(INVOCATION, None)
            _close()


def _places(folder: Path, slot_minutes: int) -> list[str]:
    places = ["--project-dir", str(PROJECT), "--profiles-dir", str(folder)]
    outputs = ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs")]
    settings = [] if slot_minutes == DEFAULT_SLOT_MINUTES else ["--vars", f"{{slot_minutes: {slot_minutes}}}"]
    return [*places, *outputs, *settings]


def _manifest(folder: Path, slot_minutes: int) -> Any:  # noqa: ANN401
    """The parsed project, kept as long as none of its files changes."""
    from dbt.cli.main import dbtRunner

    files = sorted(path for part in _PARTS for path in (PROJECT / part).rglob("*.*"))
    key = (slot_minutes, *((str(path), path.stat().st_mtime_ns) for path in files))
    if key not in _parsed:
        outcome = dbtRunner().invoke(["parse", *_places(folder, slot_minutes), *_SILENT])
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
