"""The seam of the forecast candidates: what a candidate is, what it is trained with and how it is stored.

A candidate is one way to forecast a metric. The backtest judges every candidate of `candidate_table`, and the selection
serves one of them, or a weighted mean, per horizon bucket.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from sensor_platform.predict.features.matrix import Examples, InputLayout
from sensor_platform.predict.features.panel import Floats

Anchor = Literal["last", "seasonal", "linear"]
"""What the target of LightGBM is measured from: the last value, the seasonal value, or the linear forecast."""
_WORDS: dict[Anchor, str] = {
    "last": "the last value",
    "seasonal": "the seasonal value",
    "linear": "the linear forecast",
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """Options of a training that the backtest chooses between."""

    anchor: Anchor = "last"
    is_scaled: bool = False
    """Whether inputs and target are divided by each row's own spread."""

    def __str__(self) -> str:
        return f"difference from {_WORDS[self.anchor]}, " + (
            "in units of each series' spread" if self.is_scaled else "in the metric's unit"
        )


@dataclass(frozen=True, slots=True)
class CandidateForecast:
    """Forecasts of one candidate, per example, in the metric's unit."""

    value: Floats
    lower: Floats | None = None
    """5 % quantile, from candidates that have an interval of their own."""
    upper: Floats | None = None
    """95 % quantile, likewise."""


class FittedCandidate(Protocol):
    """A trained candidate of one metric."""

    @property
    def has_interval(self) -> bool:
        """Whether its forecasts have bounds, which the served interval is then made from."""

    def forecast(self, rows: Examples, layout: InputLayout, earlier: Mapping[str, Floats]) -> CandidateForecast:
        """Forecasts of these examples; `earlier` has the values of the candidates before it in the table."""

    def files(self) -> dict[str, bytes]:
        """Contents of its files by name, from which `load` makes it again bit for bit; never executable code."""


@dataclass(frozen=True, slots=True)
class Training:
    """What a candidate is fitted with. The same training gives the same files, byte for byte."""

    rows: Examples
    layout: InputLayout
    recipe: Recipe
    seed: int
    parallel_fits: int
    """How many fits may run side by side; must not change the result."""
    fitted: Mapping[str, FittedCandidate]
    """Candidates before it in the table that could be fitted."""


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """What the card of a version knows about its candidates."""

    layout: InputLayout
    recipe: Recipe
    units: Mapping[int, float]
    """Usual move per horizon."""


class Candidate(Protocol):
    """One way to forecast a metric; the table holds one instance."""

    @property
    def name(self) -> str:
        """Its name in rules and reports, and its column in `predictions`."""

    @property
    def is_baseline(self) -> bool:
        """Whether models have to beat it to be served. A baseline forecasts every example."""
        return False

    @property
    def parts(self) -> tuple[str, ...]:
        """Candidates whose forecasts it is computed from; without one of them it has no forecast."""
        return ()

    def fit(self, training: Training) -> FittedCandidate | None:
        """Train it; None where the examples are too few."""

    def load(self, files: Mapping[str, bytes], version: StoredVersion) -> FittedCandidate | None:
        """Read it from the files of a version; None where the version has none of it.

        Raises:
            ValueError, KeyError, msgspec.DecodeError: the files are incomplete or belong to other inputs.
        """

    def parameters(self, examples: int, seed: int) -> dict[str, Any]:  # noqa: ARG002 - the default has none
        """Parameters of the training, for the card."""
        return {}


Compute = Callable[[Examples, Mapping[str, Floats]], Floats]


@dataclass(frozen=True, slots=True)
class FormulaCandidate:
    """A candidate that learns nothing, which is also its fitted form: computed from examples and earlier forecasts."""

    name: str
    compute: Compute
    is_baseline: bool = False
    parts: tuple[str, ...] = ()
    has_interval: bool = False

    def forecast(self, rows: Examples, layout: InputLayout, earlier: Mapping[str, Floats]) -> CandidateForecast:  # noqa: ARG002 - protocol
        """See FittedCandidate."""
        return CandidateForecast(self.compute(rows, earlier))

    def files(self) -> dict[str, bytes]:
        """See FittedCandidate: it has none."""
        return {}

    def fit(self, training: Training) -> "FormulaCandidate":  # noqa: ARG002 - protocol
        """See Candidate: nothing is learnt."""
        return self

    def load(self, files: Mapping[str, bytes], version: StoredVersion) -> "FormulaCandidate":  # noqa: ARG002 - protocol
        """See Candidate: nothing is stored."""
        return self

    def parameters(self, examples: int, seed: int) -> dict[str, Any]:  # noqa: ARG002 - protocol
        """See Candidate: it has none."""
        return {}


def usual_moves(rows: Examples, *, is_scaled: bool) -> dict[int, float]:
    """Mean absolute difference from the last value per horizon; 1 where no value ever changed."""
    difference = np.abs(rows.actual - rows.value) / (rows.scale if is_scaled else 1.0)
    found = {int(h): float(difference[rows.horizon == h].mean()) for h in np.unique(rows.horizon)}
    return {horizon: unit if unit > 0 else 1.0 for horizon, unit in found.items()}


def units_of(rows: Examples, units: Mapping[int, float], *, is_scaled: bool) -> Floats:
    """The usual move of each example, in the metric's unit."""
    result = np.ones(len(rows))
    for horizon, unit in units.items():
        result[rows.horizon == horizon] = unit
    return result * rows.scale if is_scaled else result
