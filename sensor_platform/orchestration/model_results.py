"""Results of the assets that make rows by models or monitor champions, as Dagster shows them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from dagster import AssetCheckResult, AssetCheckSeverity, MaterializeResult, MetadataValue

from sensor_platform.orchestration.metadata_tables import Facts, as_table
from sensor_platform.predict.monitoring.champion_monitor import ChampionHealth, health_rows, is_healthy


class RowsReport(Protocol):
    """What every report about made rows has."""

    @property
    def rows(self) -> int:
        """Number of rows."""

    @property
    def windows(self) -> int:
        """Number of hours."""

    @property
    def seconds(self) -> float:
        """Duration."""


def made_rows(report: RowsReport, newest: datetime | None, **tables: Sequence[object]) -> MaterializeResult[None]:
    """The materialisation of a table of hours.

    Args:
        report: counts.
        newest: newest hour among the rows, aware UTC.
        **tables: further metadata, as tables.
    """
    metadata: Facts = {"rows": report.rows, "windows": report.windows}
    metadata |= {name: as_table(rows) for name, rows in tables.items()}
    metadata["seconds"] = round(report.seconds, 3)
    if newest is not None:
        metadata["newest_event_at"] = MetadataValue.timestamp(newest)
    return MaterializeResult(metadata=metadata)


def champion_health(check: str, name: str, found: Sequence[ChampionHealth]) -> MaterializeResult[None]:
    """The materialisation of a monitoring and its check, which warns of breaches and rollbacks.

    Args:
        check: name of the check.
        name: of the metadata table, which has a row per champion.
        found: health of every champion.
    """
    rows = as_table(health_rows(found))
    result = AssetCheckResult(
        check_name=check, passed=is_healthy(found), severity=AssetCheckSeverity.WARN, metadata={name: rows}
    )
    return MaterializeResult(metadata={name: rows}, check_results=[result])
