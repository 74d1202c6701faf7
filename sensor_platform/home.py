"""The data folder: where each stage keeps its files. This module only builds paths and opens nothing."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Home:
    """Layout of one data folder. One collector and one warehouse writer at a time per home."""

    root: Path

    @property
    def wal(self) -> Path:
        """Segments that are not landed yet, and the collector's lock and committed offset."""
        return self.root / "wal"

    @property
    def raw(self) -> Path:
        """Raw archive: landed segments, zstd, `raw/<yyyy-mm-dd>/<segment>.zst`."""
        return self.root / "raw"

    @property
    def landing(self) -> Path:
        """Typed readings, one Parquet file per segment, `landing/<yyyy-mm-dd received>/<segment>.parquet`."""
        return self.root / "landing"

    @property
    def quarantine(self) -> Path:
        """Rejected messages and readings, with rule and hint, as Parquet."""
        return self.root / "quarantine"

    @property
    def ledger(self) -> Path:
        """The ledger database and the manifests from which it can be rebuilt."""
        return self.root / "ledger"

    @property
    def ledger_file(self) -> Path:
        """SQLite database; a landed segment becomes visible when it commits."""
        return self.ledger / "ledger.sqlite"

    @property
    def warehouse(self) -> Path:
        """Private to the platform: DuckDB file, writer lock, dbt's working files."""
        return self.root / "warehouse"

    @property
    def warehouse_file(self) -> Path:
        """DuckDB database; analysts read `published` instead."""
        return self.warehouse / "warehouse.duckdb"

    @property
    def published(self) -> Path:
        """Parquet partition files and `analytics.duckdb`, for analysts."""
        return self.root / "published"

    @property
    def analytics_file(self) -> Path:
        """DuckDB file of views over the published Parquet; never locked by the platform."""
        return self.published / "analytics.duckdb"

    @property
    def models(self) -> Path:
        """Model registry: `<name>/<version>/` with text model and JSON card."""
        return self.root / "models"

    @property
    def live(self) -> Path:
        """State of the live process: positions, windows, alerts, outbox."""
        return self.root / "live"

    @property
    def live_file(self) -> Path:
        """SQLite database; one live process writes it."""
        return self.live / "live.sqlite"

    @property
    def ingest(self) -> Path:
        """Open segments and committed offset of messages received over HTTP; sealed segments move to `wal`."""
        return self.root / "ingest"

    @property
    def labels_file(self) -> Path:
        """SQLite database of ground-truth labels."""
        return self.root / "labels" / "labels.db"

    @property
    def dagster(self) -> Path:
        """DAGSTER_HOME: run storage and the `dagster.yaml` in force."""
        return self.root / "dagster"

    @property
    def in_force(self) -> Path:
        """Copies of the site's files as they were accepted, and what each running process has in force."""
        return self.root / "in_force"
