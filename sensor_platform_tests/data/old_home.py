"""The stored home of an earlier version, and what people see of it, by the command line alone.

`python -m sensor_platform_tests.data.old_home` writes `old_home.json` anew from the product as it is: only where a
change of what people see is meant.
"""

import hashlib
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from sensor_platform.cli.main import cli

FOLDER = Path(__file__).parent
ARCHIVE, EXPECTED = FOLDER / "old_home.tar.xz", FOLDER / "old_home.json"
REPOSITORY = FOLDER.parents[1]
BY_THE_CLOCK = {
    "device_status": {"lag_s", "state", "completeness_today"},
    "late_frozen": {"received_at"},
}
"""Columns that depend on when a command ran,"""
SAID_AT = {"created_at", "superseded_at"}
"""and those of what models say, where a later build makes rows."""
_MACROS = (
    "select function_name, parameters from duckdb_functions() where not internal and schema_name = 'plain' order by all"
)
LISTS = {
    "models list": ("models", "list"),
    "alerts list": ("alerts", "list", "--format", "csv"),
    "labels list": ("labels", "list", "--json"),
    "labels list --as-of": ("labels", "list", "--as-of", "2025-03-09T00:45", "--json"),
    "quarantine list": ("quarantine", "list", "--limit", "1000", "--json"),
    "backfill status": ("backfill", "status"),
    "contract drift": ("contract", "drift", "--last", "100000d"),
    "retention": ("retention", "--dry-run", "--json"),
    "trace": ("trace", "--device", "pump-2", "--metric", "temperature", "--at", "2025-03-09T08:20", "--json"),
    "macros": ("query", "--format", "json", _MACROS),
}


def environ(home: Path) -> dict[str, str]:
    """Settings of a process for this home and the site inside it; nothing else of the caller's counts."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SENSOR_PLATFORM", "DAGSTER"))}
    own = {"SENSOR_PLATFORM_HOME": str(home), "SENSOR_PLATFORM_BROKER_URL": "mqtt://127.0.0.1:1"}
    return kept | own | {"DAGSTER_HOME": str(home / "dagster")}


def unpacked(folder: Path, archive: Path = ARCHIVE) -> Path:
    """A copy of a stored home, with views that point at where it is now."""
    home = folder / "home"
    with tarfile.open(archive) as packed:
        packed.extractall(home, filter="data")
    said(home, "publish", "--relink", str(home / "published"))
    return home


def run(home: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and standard output of one command of `sensor-platform`, in this process."""
    changes = {name: None for name in os.environ if name.startswith(("SENSOR_PLATFORM", "DAGSTER"))}
    result = CliRunner().invoke(cli, arguments, env={**changes, **environ(home)}, catch_exceptions=False)
    return result.exit_code, result.stdout


def said(home: Path, *arguments: str) -> str:
    """Standard output of a command that must work."""
    code, output = run(home, *arguments)
    assert code == 0, f"{arguments} ended with {code}: {output}"
    return output


def built(home: Path, first: str, last: str) -> None:
    """Build what is dirty of some days, as the ledger sensor asks for it, with the `dagster.yaml` of the home."""
    position = json.loads(said(home, "status", "--json"))["ledger"]["position"]
    tags = {
        "dagster/asset_partition_range_start": first,
        "dagster/asset_partition_range_end": last,
        "sensor_platform/position": str(position),
    }
    dagster = [sys.executable, "-m", "dagster", "job", "execute", "-m", "sensor_platform.definitions", "-j", "days"]
    done = subprocess.run(
        [*dagster, "--tags", json.dumps(tags)],
        env=environ(home), cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]


def lists(home: Path) -> dict[str, list[str]]:
    """Lines that commands that list something print."""
    return {name: said(home, *arguments).splitlines() for name, arguments in LISTS.items()}


def tables(home: Path) -> dict[str, dict[str, Any]]:
    """Every published table: number of rows, and types and checksums that do not depend on the order of rows."""
    names = [row["name"] for row in _asked(home, "show tables")]
    return {name: _table(home, name) for name in names}


def _table(home: Path, name: str) -> dict[str, Any]:
    rows = _asked(home, f"from {name}")
    types = {row["column_name"]: row["column_type"] for row in _asked(home, f"describe {name}")}
    is_said = name.startswith(("prediction", "supervised"))
    kept = sorted(set(types) - BY_THE_CLOCK.get(name, set()) - (SAID_AT if is_said else set()))
    return {
        "rows": f"{len(rows)} {_digest([_cell(row[column]) for column in kept] for row in rows)}",
        "columns": {
            column: f"{kind} {_digest([_cell(row[column])] for row in rows) if column in kept else '-'}"
            for column, kind in types.items()
        },
    }


def _asked(home: Path, sql: str) -> list[dict[str, Any]]:
    answer: list[dict[str, Any]] = json.loads(said(home, "query", "--format", "json", sql))
    return answer


def _cell(value: object) -> str:
    """Nine digits of a number: the last ones depend on the processor."""
    return f"{value:.9g}" if isinstance(value, float) else json.dumps(value, sort_keys=True)


def _digest(rows: Iterable[list[str]]) -> str:
    lines = sorted("\x1f".join(row) for row in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def main() -> None:
    """Write what is expected."""
    with tempfile.TemporaryDirectory() as folder:
        home = unpacked(Path(folder).resolve())
        expected: dict[str, Any] = {"stored": {"lists": lists(home), "tables": tables(home)}}
        said(home, "land")
        built(home, "2025-03-07", "2025-03-09")
        expected["built"] = {"lists": lists(home), "tables": tables(home)}
    EXPECTED.write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
