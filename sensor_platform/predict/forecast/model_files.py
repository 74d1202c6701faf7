"""A forecaster as files: LightGBM's text format, the lines as JSON, the backtest's record as Parquet. Runs no code."""

import io
import subprocess
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np

from sensor_platform.predict.features.matrix import Layout
from sensor_platform.predict.forecast.candidates import boosted
from sensor_platform.predict.forecast.candidates.boosted import QUANTILES
from sensor_platform.predict.forecast.candidates.forecaster import Forecaster, Recipe
from sensor_platform.predict.forecast.candidates.linear import Line, Linear
from sensor_platform.predict.forecast.model_card import Card
from sensor_platform.predict.forecast.selection.forecast_record import Record

LINES = "linear.json"
RECORD = "backtest.parquet"
_FIXED = ("step", "horizon", "actual", "lower", "upper", "width")


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    mean: list[float]
    spread: list[float | None]
    """None for an input that never moved."""
    slope: list[float]
    offset: float
    penalty: float


def written(forecaster: Forecaster, record: Record | None) -> dict[str, bytes]:
    """Files by name; the same forecaster gives the same bytes."""
    files: dict[str, bytes] = {}
    if forecaster.trees is not None:
        files |= {f"{name}.txt": text.encode() for name, text in forecaster.trees.texts().items()}
    if forecaster.lines is not None:
        lines = {horizon: _plain(line) for horizon, line in sorted(forecaster.lines.lines.items())}
        files[LINES] = msgspec.json.encode(lines) + b"\n"
    if record is not None:
        files[RECORD] = _parquet(record)
    return files


def read(card: Card, files: Mapping[str, bytes], layout: Layout) -> Forecaster:
    """The forecaster that `files` were written from; predictions are equal bit for bit.

    Raises:
        ValueError: a file is missing, or was made for other inputs.
    """
    texts = {name: files[f"{name}.txt"].decode() for name in QUANTILES if f"{name}.txt" in files}
    return Forecaster(
        layout=layout,
        recipe=Recipe(card.anchor, card.is_scaled),
        units=card.units,
        lines=_lines(files[LINES], card) if LINES in files else None,
        trees=boosted.load(texts, layout, card.units, card.anchor, is_scaled=card.is_scaled) if texts else None,
        spreads=card.spreads,
        least=card.least,
    )


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


def _plain(line: Line) -> _Line:
    spread = [float(each) if np.isfinite(each) else None for each in line.spread]
    return _Line(line.mean.tolist(), spread, line.slope.tolist(), line.offset, line.penalty)


def _lines(data: bytes, card: Card) -> Linear:
    found = msgspec.json.decode(data, type=dict[int, _Line])
    lines = {
        horizon: Line(
            np.array(line.mean),
            np.array([np.inf if each is None else each for each in line.spread]),
            np.array(line.slope),
            line.offset,
            line.penalty,
        )
        for horizon, line in found.items()
    }
    return Linear(lines, card.is_scaled, card.anchor == "seasonal")
