"""MQTT sensor data to files, tables and forecasts, as one partitioned Dagster asset graph."""
