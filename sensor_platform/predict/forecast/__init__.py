"""Forecasts: candidate models, selection, training, scoring and monitoring."""
