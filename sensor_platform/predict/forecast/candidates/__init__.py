"""Forecast candidates: baselines, a linear model, LightGBM, and the mean of the last two."""
