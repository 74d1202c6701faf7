"""Files of a forecaster's version: those of its candidates, and the backtest record as Parquet."""

import io
import subprocess
from collections.abc import Mapping
from pathlib import Path

from sensor_platform.predict.features.matrix import InputLayout
from sensor_platform.predict.forecast.candidates.candidate import Recipe, StoredVersion
from sensor_platform.predict.forecast.candidates.forecaster import Forecaster, load_candidates
from sensor_platform.predict.forecast.model_card import ForecasterCard
from sensor_platform.predict.forecast.selection.forecast_record import ForecastRecord

RECORD = "backtest.parquet"
_FIXED = ("step", "horizon", "actual", "lower", "upper", "width")


def written(forecaster: Forecaster, record: ForecastRecord | None) -> dict[str, bytes]:
    """Files by name; the same forecaster gives the same bytes."""
    return forecaster.files() | ({RECORD: _parquet(record)} if record is not None else {})


def read(card: ForecasterCard, files: Mapping[str, bytes], layout: InputLayout) -> Forecaster:
    """The forecaster that `files` were written from; its predictions are the same bit for bit.

    Raises:
        ValueError, KeyError, msgspec.DecodeError: a file is missing, or belongs to other inputs.
    """
    version = StoredVersion(layout, Recipe(card.anchor, card.is_scaled), card.units)
    fitted = load_candidates(files, version)
    return Forecaster(layout, version.recipe, card.units, fitted, card.spreads, card.least)


def read_record(data: bytes) -> ForecastRecord:
    """The record of a version's backtest."""
    import polars as pl

    table = pl.read_parquet(io.BytesIO(data))
    columns = {name: table[name].to_numpy() for name in table.columns}
    fixed = {name: columns.pop(name) for name in _FIXED}
    return ForecastRecord(by_candidate=columns, **fixed)


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


def _parquet(record: ForecastRecord) -> bytes:
    import polars as pl

    fixed = {name: getattr(record, name) for name in _FIXED}
    table = pl.DataFrame({**fixed, **record.by_candidate})
    buffer = io.BytesIO()
    table.write_parquet(buffer, compression="zstd")
    return buffer.getvalue()
