"""dbt as a person calls it: under the writer lock, with a work list of everything, and the state copied afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sensor_platform.errors import ExitCode, WrongUse
from sensor_platform.home import Home
from sensor_platform.landing.ledger import NO_HORIZON, read_ledger, retention_horizon
from sensor_platform.warehouse.build_input import build_scopes, write_build_input
from sensor_platform.warehouse.config import WarehouseSite
from sensor_platform.warehouse.dbt import runner as dbt_runner
from sensor_platform.warehouse.file.connection import open_warehouse
from sensor_platform.warehouse.file.writer_lock import writer_lock
from sensor_platform.warehouse.forgotten_slots import reopen_forgotten_slots
from sensor_platform.warehouse.lineage import LINEAGE_FILE, dbt_models, models
from sensor_platform.warehouse.staleness import ledger_evidence, state, trimmed

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_NEED_NO_WAREHOUSE = frozenset({"parse", "ls", "list", "deps", "clean", "docs", "init"})


@dataclass(frozen=True, slots=True)
class ProjectCommand:
    """A dbt command on the project alone."""

    exit_code: int
    written: Path | None = None
    """`lineage.json`, if it was changed."""


def needs_no_warehouse(arguments: Sequence[str]) -> bool:
    """Whether a dbt command works on the project alone, without a data folder and without settings."""
    command = _command(arguments)
    return command is None or command in _NEED_NO_WAREHOUSE


def run_project_command(arguments: Sequence[str]) -> ProjectCommand:
    """Run one dbt command that needs no warehouse; `parse` writes `lineage.json` too.

    Raises:
        WrongUse: the meta of a model is incomplete or wrong.
    """
    if _command(arguments) != "parse":
        return ProjectCommand(_exit_code(dbt_runner.run_on_project(arguments)))
    succeeded, changed = dbt_runner.parse_project(arguments)
    return ProjectCommand(_exit_code(succeeded), LINEAGE_FILE if changed else None)


def run_command(home: Home, site: WarehouseSite, arguments: Sequence[str]) -> int:
    """Run one dbt command on the warehouse; returns its exit code.

    Commands that touch tables see every window that ever had data as work: `build` builds and `test` tests everything.

    Raises:
        Unreachable: the writer lock or the warehouse file could not be had in time.
    """
    reopen_forgotten_slots(home, site)
    with writer_lock(home, f"dbt {_command(arguments)}", wait_seconds=site.warehouse.lock_wait_seconds):
        with open_warehouse(home, site.warehouse) as connection:
            if {"--full-refresh", "-f"} & set(arguments):
                _refuse_if_anything_is_gone(home, connection)
            scopes = build_scopes(home, None, site.warehouse.chunk_readings, everything=False)
            chosen = [models()[name] for name in dbt_models()]
            given = write_build_input(home, site, connection, scopes[0], chosen, everything=True)
            succeeded = dbt_runner.run_for_person(
                arguments,
                dbt_runner.profile_folder(home, site.warehouse),
                slot_minutes=site.slot_minutes,
                invocation=given.invocation,
            )
            state.clear_work(connection)
            recorded = state.read_state(connection, dbt_models(), scopes[0].start, scopes[0].end)
        ledger_evidence.copy_to_ledger(home, recorded)
    return _exit_code(succeeded)


def _refuse_if_anything_is_gone(home: Home, connection: "DuckDBPyConnection") -> None:
    """A full refresh drops the tables; what is made of readings that retention has deleted would not come back."""
    with read_ledger(home) as ledger:
        is_frozen = ledger is not None and retention_horizon(ledger) != NO_HORIZON
    if is_frozen or trimmed.read(connection):
        raise WrongUse(
            "refused: a full refresh would drop aggregates of readings that retention has deleted",
            "`sensor-platform rebuild` makes the warehouse again and restores those from the published tables",
        )


def _command(arguments: Sequence[str]) -> str | None:
    return next((word for word in arguments if not word.startswith("-")), None)


def _exit_code(succeeded: bool) -> int:  # noqa: FBT001 - dbt's own word
    return ExitCode.OK if succeeded else ExitCode.CHECK_FAILED
