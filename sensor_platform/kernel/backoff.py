"""How long to wait after failures: the pause doubles with each failure in a row, up to a ceiling."""

from dataclasses import dataclass

_MOST_DOUBLINGS = 64
"""Beyond every ceiling; keeps the power of two in the range of a float."""


@dataclass(slots=True)
class Backoff:
    """Pauses in any one unit, for instance seconds or microseconds."""

    first: float
    """Pause after the first failure."""
    longest: float
    failures: int = 0
    """Failures in a row that `next` has counted."""

    def after(self, failures: int) -> float:
        """The pause after that many failures in a row (1 or more). Does not count."""
        return min(self.first * 2.0 ** min(max(failures - 1, 0), _MOST_DOUBLINGS), self.longest)

    def next(self) -> float:
        """Count a failure and return the pause after it."""
        self.failures += 1
        return self.after(self.failures)

    def reset(self) -> None:
        """Start with the first pause again, after a success."""
        self.failures = 0
