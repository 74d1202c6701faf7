"""Collects messages of MQTT or Kafka into segments of the WAL. Never imports Polars, DuckDB or Dagster."""
