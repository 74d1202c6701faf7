"""Kafka as the source: the same segments and the same order (fsync, then commit the offset) as for MQTT."""
