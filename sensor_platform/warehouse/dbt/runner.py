"""dbt inside this process: the parsed project kept, profile and target per data folder, connections closed.

A warm invocation costs half a second where the command line costs four.
"""

import json
import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sensor_platform.errors import CheckFailed, WrongUse
from sensor_platform.home import Home
from sensor_platform.kernel.durable import write_file
from sensor_platform.warehouse.config import WarehouseConfig
from sensor_platform.warehouse.dbt.dbt_manifest import parsed_project
from sensor_platform.warehouse.dbt.declared import check_lineage, write_lineage
from sensor_platform.warehouse.file.connection import duckdb_config
from sensor_platform.warehouse.lineage import DBT_PROJECT

INVOCATION = "invocation"
"""Name of the dbt variable that the macro `has_work` compares with the stamp of the work list."""

_SILENT = ("--log-level", "none", "--log-level-file", "info", "--no-write-json", "--no-print")

_one_at_a_time = threading.Lock()


@dataclass(frozen=True, slots=True)
class NodeResult:
    """Result of one dbt node."""

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


def warm_up(folder: Path, *, slot_minutes: int) -> None:
    """Parse the project now, so that the first `run` of this process or of a fork does not have to."""
    with _one_at_a_time:
        _manifest(folder, slot_minutes)


def run_for_person(arguments: Sequence[str], folder: Path, *, slot_minutes: int, invocation: str) -> bool:
    """Run dbt with its own output on the terminal; True if it succeeded."""
    outcome = _invoke(list(arguments), folder, slot_minutes, invocation)
    return bool(outcome.success)


def run_on_project(arguments: Sequence[str]) -> bool:
    """Run a dbt command that needs no data folder; without `--target-path` it writes to the project's own target.

    Returns True if it succeeded.
    """
    return bool(_on_project(arguments).success)


def parse_project(arguments: Sequence[str]) -> tuple[bool, bool]:
    """Run `dbt parse` and write `lineage.json`; with `--target-path` the file is only checked.

    Returns:
        Whether it succeeded, and whether the file was changed.

    Raises:
        WrongUse: the meta of a model is incomplete or wrong.
        CheckFailed: with `--target-path`, `lineage.json` does not match the project.
    """
    outcome = _on_project(arguments)
    if not outcome.success or outcome.result is None:
        return False, False
    if _has_target(arguments):
        check_lineage(outcome.result)
        return True, False
    return True, write_lineage(outcome.result)


def _on_project(arguments: Sequence[str]) -> Any:  # noqa: ANN401
    places = ("--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT))
    target = () if _has_target(arguments) else ("--target-path", str(DBT_PROJECT / "target"))
    return _dbt([*arguments, *places, *target, "--log-path", str(DBT_PROJECT / "logs")])


def _has_target(arguments: Sequence[str]) -> bool:
    return any(word.partition("=")[0] == "--target-path" for word in arguments)


def _invoke(arguments: Sequence[str], folder: Path, slot_minutes: int, invocation: str) -> Any:  # noqa: ANN401 - dbt has no types
    """One invocation with the parsed project at hand: variables that change between invocations cost no new parse."""
    others, given = _without_vars(arguments)
    variables = given | {"slot_minutes": slot_minutes, INVOCATION: invocation}
    with _one_at_a_time:
        return _dbt([*others, *_places(folder, variables)], _manifest(folder, slot_minutes))


def _without_vars(arguments: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """The arguments without `--vars`, of which dbt takes only the last, and the variables that they set.

    Raises:
        WrongUse: the value of `--vars` is not a mapping in YAML.
    """
    others: list[str] = []
    found: dict[str, Any] = {}
    words = iter(arguments)
    for word in words:
        name, equals, value = word.partition("=")
        if name == "--vars":
            found |= _variables(value if equals else next(words, ""))
        else:
            others.append(word)
    return others, found


def _variables(text: str) -> Mapping[str, Any]:
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError:
        found = None
    if not isinstance(found, dict):
        raise WrongUse(f"--vars {text!r} is not a mapping in YAML", "write for instance --vars '{slot_minutes: 10}'")
    return found


def _dbt(arguments: list[str], manifest: Any = None) -> Any:  # noqa: ANN401
    """One invocation that leaves nothing open: a DuckDB connection would lock out every other process."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.adapters.factory import reset_adapters
    from dbt.cli.main import dbtRunner

    try:
        return dbtRunner(manifest=manifest).invoke(arguments)
    finally:
        # `close_all_connections` only drops the environment: while a failed node's traceback refers to it, its database
        # stays open under the same path, also after the file was set aside.
        if DuckDBConnectionManager._ENV is not None:  # noqa: SLF001 - has no public name
            DuckDBConnectionManager._ENV.close()  # noqa: SLF001
        DuckDBConnectionManager.close_all_connections()
        reset_adapters()
        _close_logs()


def _close_logs() -> None:
    from dbt_common.events.event_manager_client import cleanup_event_logger

    cleanup_event_logger()
    for name in ("file_log", "stdout_log"):
        log = logging.getLogger(name)
        for handler in log.handlers:
            handler.close()
        log.handlers.clear()


def _places(folder: Path, variables: Mapping[str, Any]) -> list[str]:
    places = ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(folder)]
    outputs = ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs")]
    return [*places, *outputs, "--vars", json.dumps(variables)]


def _manifest(folder: Path, slot_minutes: int) -> Any:  # noqa: ANN401
    def parse() -> Any:  # noqa: ANN401
        outcome = _dbt(["parse", *_places(folder, {"slot_minutes": slot_minutes}), *_SILENT])
        if outcome.exception is not None or outcome.result is None:
            raise CheckFailed(f"dbt cannot read its project: {outcome.exception}", "run `sensor-platform dbt parse`")
        check_lineage(outcome.result)
        return outcome.result

    return parsed_project(DBT_PROJECT, f"slot_minutes: {slot_minutes}", parse)


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
