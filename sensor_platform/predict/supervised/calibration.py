"""Calibrate raw model outputs to probabilities, isotonic or sigmoid, on out-of-fold rows. Stored as plain numbers."""

import msgspec
import numpy as np

from sensor_platform.predict.features.panel import Floats

LEAST_ISOTONIC = 1000
"""With fewer rows, or few of one kind, a sigmoid is used, which overfits less."""
_LEAST_OF_A_KIND = 100
_SOFT = 1e-6


class ProbabilityCalibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Interpolation of the points (x, y) where there are any, else 1 / (1 + exp(-(slope * logit + offset)))."""

    x: tuple[float, ...] = ()
    y: tuple[float, ...] = ()
    slope: float = 1.0
    offset: float = 0.0

    def apply(self, predicted: Floats) -> Floats:
        """Calibrated probabilities of raw model outputs between 0 and 1; their order is kept."""
        if self.x:
            return np.asarray(np.interp(predicted, np.array(self.x), np.array(self.y)), np.float64)
        straight: Floats = 1 / (1 + np.exp(-(self.slope * _logit(predicted) + self.offset)))
        return straight


def fit_calibration(predicted: Floats, happened: Floats, weight: Floats) -> ProbabilityCalibration:
    """Fit a calibration.

    Args:
        predicted: raw outputs between 0 and 1 of rows that the model was not trained on.
        happened: 1 or 0.
        weight: weight of each row.
    """
    ones = int((happened > 0).sum())
    if not ones or ones == len(happened):
        share = float((happened * weight).sum() + 1) / float(weight.sum() + 2)
        return ProbabilityCalibration(slope=0.0, offset=float(_logit(np.array([share]))[0]))
    if len(predicted) >= LEAST_ISOTONIC and min(ones, len(predicted) - ones) >= _LEAST_OF_A_KIND:
        return _isotonic(predicted, happened, weight)
    return _sigmoid(predicted, happened, weight)


def _isotonic(predicted: Floats, happened: Floats, weight: Floats) -> ProbabilityCalibration:
    from sklearn.isotonic import IsotonicRegression

    # Never exactly 0 or 1: a few hundred rows are not enough evidence for that.
    least = 1 / (len(predicted) + 2)
    fitted = IsotonicRegression(y_min=least, y_max=1 - least, out_of_bounds="clip").fit(predicted, happened, weight)
    return ProbabilityCalibration(x=tuple(map(float, fitted.X_thresholds_)), y=tuple(map(float, fitted.y_thresholds_)))


def _sigmoid(predicted: Floats, happened: Floats, weight: Floats) -> ProbabilityCalibration:
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=100.0).fit(_logit(predicted)[:, None], happened > 0, weight)
    slope, offset = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    if slope <= 0:  # worse than no model: use the base rate
        share = float((happened * weight).sum() / weight.sum())
        return ProbabilityCalibration(slope=0.0, offset=float(_logit(np.array([share]))[0]))
    return ProbabilityCalibration(slope=slope, offset=offset)


def _logit(predicted: Floats) -> Floats:
    inside = np.clip(predicted, _SOFT, 1 - _SOFT)
    odds: Floats = np.log(inside / (1 - inside))
    return odds
