"""A real broker."""

from sensor_platform_tests.scripted_broker import mosquitto

__all__ = ["mosquitto"]
