"""The alert rule kinds, one module each. `sensor_platform.stream.rules` is their table."""
