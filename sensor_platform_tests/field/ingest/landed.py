"""The inputs of a case, and what became of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

NOW = datetime(2024, 12, 31, 12, tzinfo=UTC)
"""When the first message arrives; each later one arrives a second after the one before."""
CASES = Path(__file__).parent / "cases"
Messages = Sequence[tuple[str, bytes]]
"""Topic and payload."""


@dataclass(frozen=True)
class Row:
    """One landed reading."""

    device: str
    metric: str
    at: datetime
    value: float | None
    text: str | None
    unit: str | None
    quality: str | None
    tags: dict[str, str]
    message_id: str | None
    is_device_time: bool


@dataclass(frozen=True)
class Refusal:
    """One row of the quarantine."""

    message: int
    """Number of the message, from 0."""
    scope: str
    rule: str
    reason: str
    hint: str


@dataclass(frozen=True)
class Landed:
    """What became of some messages."""

    home: Path
    site: Path
    rows: list[Row]
    refused: list[Refusal]

    @property
    def devices(self) -> set[str]:
        return {row.device for row in self.rows}

    def of(self, metric: str) -> list[Row]:
        """Readings of one metric in order of time."""
        return sorted((row for row in self.rows if row.metric == metric), key=lambda row: row.at)

    def values(self, metric: str) -> list[float | None]:
        return [row.value for row in self.of(metric)]


def case_messages(name: str, *files: str) -> list[tuple[str, bytes]]:
    """Topics and payloads of a case, in order; with `files`, only of these inputs."""
    lines = [line.split(" ", 1) for line in (CASES / name / "topics.txt").read_text().splitlines()]
    found = [(topic, (CASES / name / file).read_bytes()) for file, topic in lines if not files or file in files]
    if not found:
        pytest.fail(f"no such input in {name}")
    return found


def case_contracts(name: str) -> tuple[str, ...]:
    """The contracts of a case as YAML, in order of their file names; none means the default contract."""
    files = sorted((CASES / name).glob("contracts/*.yaml")) or sorted((CASES / name).glob("contract.yaml"))
    return tuple(file.read_text() for file in files)
