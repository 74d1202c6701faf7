"""Features, training, backtest, model registry, scoring and monitoring of models, on hourly aggregates."""
