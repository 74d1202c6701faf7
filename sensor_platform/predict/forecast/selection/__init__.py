"""Backtest, choice and calibration: what to serve and how wide an interval must be, from what came true."""
