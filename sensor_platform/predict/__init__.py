"""Features, training, backtest, model registry and scoring. Knows hourly aggregates, not messages."""
