"""What a forecast must beat: the last value, and the value at the same hour of the day before.

Both are expressions on feature rows, so that they are computed on exactly the rows that the model is judged on.
"""

from typing import TYPE_CHECKING

from sensor_platform.predict.features import DAY

if TYPE_CHECKING:
    import polars as pl

LIGHTGBM = "lightgbm"
PERSISTENCE = "persistence"
SEASONAL_NAIVE = "seasonal_naive"
CANDIDATES = (PERSISTENCE, SEASONAL_NAIVE, LIGHTGBM)
"""In order of simplicity: a later one is served only where the backtest shows that it is better."""


def persistence() -> "pl.Expr":
    """The newest value seen."""
    import polars as pl

    return pl.col("value")


def seasonal_naive(horizon: int) -> "pl.Expr":
    """The newest value seen at the target's hour of day; null where that hour has a gap."""
    import polars as pl

    back = -horizon % DAY
    return pl.col(f"lag_{back}") if back else pl.col("value")
