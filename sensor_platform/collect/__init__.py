"""Messages of MQTT or Kafka to segments of the WAL. Never imports Polars, DuckDB or Dagster."""
