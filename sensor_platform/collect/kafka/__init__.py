"""Kafka as the source: the same segments and the same order (fsync, then acknowledge) as for MQTT."""
