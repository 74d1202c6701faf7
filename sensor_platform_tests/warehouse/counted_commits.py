"""Commits of the warehouse as steps of a crash test."""

from typing import Any

from sensor_platform.warehouse.staleness import ledger_evidence
from sensor_platform_tests.warehouse.crashing import Steps


def wrap_commits(steps: Steps) -> None:
    """The COMMIT of every model (the one that follows its state), and the state copy."""
    from dbt.adapters.duckdb.environments.local import DuckDBCursorWrapper

    send = DuckDBCursorWrapper.execute
    commit = steps.around(send)
    recorded: list[str] = []

    def execute(self: Any, sql: str, bindings: Any = None) -> Any:
        if "insert into state" in sql:
            recorded.append(sql)
        if recorded and sql.strip().upper() == "COMMIT":
            recorded.clear()
            return commit(self, sql, bindings)
        return send(self, sql, bindings)

    DuckDBCursorWrapper.execute = execute
    ledger_evidence.copy_state = steps.around(ledger_evidence.copy_state)  # type: ignore[attr-defined]
