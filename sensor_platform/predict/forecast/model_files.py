"""Files of a forecaster's version: those of its candidates, and the backtest record as Parquet."""

import io
import subprocess
from collections.abc import Mapping
from pathlib import Path

from sensor_platform.predict.features.matrix import Layout
from sensor_platform.predict.forecast.candidates.candidate import Recipe, StoredVersion
from sensor_platform.predict.forecast.candidates.forecaster import Forecaster, load_candidates
from sensor_platform.predict.forecast.model_card import Card
from sensor_platform.predict.forecast.selection.forecast_record import Record

RECORD = "backtest.parquet"
_FIXED = ("step", "horizon", "actual", "lower", "upper", "width")


def written(forecaster: Forecaster, record: Record | None) -> dict[str, bytes]:
    """Files by name; the same forecaster gives the same bytes."""
    return forecaster.files() | ({RECORD: _parquet(record)} if record is not None else {})


def read(card: Card, files: Mapping[str, bytes], layout: Layout) -> Forecaster:
    """The forecaster that `files` were written from; its predictions are the same bit for bit.

    Raises:
        ValueError, KeyError, msgspec.DecodeError: a file is missing, or belongs to other inputs.
    """
    version = StoredVersion(layout, Recipe(card.anchor, card.is_scaled), card.units)
    fitted = load_candidates(files, version)
    return Forecaster(layout, version.recipe, card.units, fitted, card.spreads, card.least)


def read_record(data: bytes) -> Record:
    """The record of a version's backtest."""
    import polars as pl

    table = pl.read_parquet(io.BytesIO(data))
    columns = {name: table[name].to_numpy() for name in table.columns}
    fixed = {name: columns.pop(name) for name in _FIXED}
    return Record(by_candidate=columns, **fixed)


def git_revision() -> str | None:
    """Commit of the code, where it runs from a checkout."""
    folder = Path(__file__).parents[3]
    if not (folder / ".git").exists():
        return None
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "HEAD"], capture_output=True, check=True, text=True, timeout=5
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _parquet(record: Record) -> bytes:
    import polars as pl

    fixed = {name: getattr(record, name) for name in _FIXED}
    table = pl.DataFrame({**fixed, **record.by_candidate})
    buffer = io.BytesIO()
    table.write_parquet(buffer, compression="zstd")
    return buffer.getvalue()
