"""Selection: backtest, choice of the served candidates, and calibration of the intervals."""
