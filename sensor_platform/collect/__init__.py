"""Sockets in, segments out: MQTT, replay, simulation. Never imports Polars, DuckDB or Dagster."""
