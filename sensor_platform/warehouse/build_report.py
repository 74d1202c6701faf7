"""Facts about a build, for the metadata of runs and for checks."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ModelReport:
    """One model in one build, summed over the chunks."""

    name: str
    windows: int
    """Windows rebuilt; 0 where nothing was dirty."""
    rows: int
    """Rows in the rebuilt windows."""
    late_rows: int
    """Readings in them that arrived more than one slot after their event."""
    revised_rows: int
    """Rows in them that changed after they were published as final, now or earlier."""
    newest_event_at: datetime | None
    """Aware UTC; None where the rebuilt windows are empty."""
    seconds: float


@dataclass(frozen=True, slots=True)
class TestReport:
    """One dbt test in one build; the worst of the chunks."""

    name: str
    models: tuple[str, ...]
    """Models that it reads."""
    status: str
    """pass, warn, fail, error or skipped"""
    failures: int
    severity: str
    """error or warn"""
    message: str


@dataclass(frozen=True, slots=True)
class BuildReport:
    """Facts about one build, summed over its chunks."""

    position: int
    """Newest ledger position when the build began."""
    generation: str
    models: dict[str, ModelReport] = field(default_factory=dict)
    tests: dict[str, TestReport] = field(default_factory=dict)
    failed: tuple[str, ...] = ()
    """Models that failed or were skipped after a failure, and failed tests of severity error; empty if all is well."""
    chunks: int = 0
    files: int = 0
    """Landing files read."""
    seconds: float = 0.0

    @property
    def is_ok(self) -> bool:
        """True if every model was built and no blocking test failed."""
        return not self.failed
