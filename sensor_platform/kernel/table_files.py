"""CSV and Parquet files that people hand over: which of the two a file is, and the error if it cannot be read."""

from pathlib import Path

from sensor_platform.errors import WrongUse

PARQUET_SUFFIXES = frozenset({".parquet", ".pq"})


def has_parquet_suffix(path: Path) -> bool:
    """Whether the name of a file ends as those of Parquet files."""
    return path.suffix.lower() in PARQUET_SUFFIXES


def unreadable(path: Path, error: Exception, hint: str) -> WrongUse:
    """The error to raise for a file that cannot be read, with the first line of its cause."""
    lines = str(error).strip().splitlines()
    return WrongUse(f"{path} cannot be read: {lines[0] if lines else type(error).__name__}", hint)
