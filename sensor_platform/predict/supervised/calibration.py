"""From what a model says to probabilities that hold: isotonic or sigmoid, learnt on devices held out. Plain numbers."""

import msgspec
import numpy as np

from sensor_platform.predict.features.panel import Floats

LEAST_ISOTONIC = 1000
"""Rows; with fewer, or with few of one kind, a sigmoid has less to overfit."""
_LEAST_OF_A_KIND = 100
_SOFT = 1e-6


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Through the points (x, y) where there are some, else 1 / (1 + exp(-(slope * logit + offset)))."""

    x: tuple[float, ...] = ()
    y: tuple[float, ...] = ()
    slope: float = 1.0
    offset: float = 0.0

    def apply(self, said: Floats) -> Floats:
        """Probabilities of what the model said (0 to 1); in order of it."""
        if self.x:
            return np.asarray(np.interp(said, np.array(self.x), np.array(self.y)), np.float64)
        straight: Floats = 1 / (1 + np.exp(-(self.slope * _logit(said) + self.offset)))
        return straight


def calibrate(said: Floats, happened: Floats, weight: Floats) -> Calibration:
    """The calibration under which what was said held most nearly.

    Args:
        said: 0 to 1, of rows that the model has not learnt from.
        happened: 1 or 0.
        weight: of each row.
    """
    ones = int((happened > 0).sum())
    if not ones or ones == len(happened):
        share = float((happened * weight).sum() + 1) / float(weight.sum() + 2)
        return Calibration(slope=0.0, offset=float(_logit(np.array([share]))[0]))
    if len(said) >= LEAST_ISOTONIC and min(ones, len(said) - ones) >= _LEAST_OF_A_KIND:
        return _isotonic(said, happened, weight)
    return _sigmoid(said, happened, weight)


def _isotonic(said: Floats, happened: Floats, weight: Floats) -> Calibration:
    from sklearn.isotonic import IsotonicRegression

    # Never quite 0 or 1: a few hundred rows cannot show that.
    least = 1 / (len(said) + 2)
    fitted = IsotonicRegression(y_min=least, y_max=1 - least, out_of_bounds="clip").fit(said, happened, weight)
    return Calibration(x=tuple(map(float, fitted.X_thresholds_)), y=tuple(map(float, fitted.y_thresholds_)))


def _sigmoid(said: Floats, happened: Floats, weight: Floats) -> Calibration:
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=100.0).fit(_logit(said)[:, None], happened > 0, weight)
    slope, offset = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    if slope <= 0:  # worse than nothing: say the base rate
        share = float((happened * weight).sum() / weight.sum())
        return Calibration(slope=0.0, offset=float(_logit(np.array([share]))[0]))
    return Calibration(slope=slope, offset=offset)


def _logit(said: Floats) -> Floats:
    inside = np.clip(said, _SOFT, 1 - _SOFT)
    odds: Floats = np.log(inside / (1 - inside))
    return odds
