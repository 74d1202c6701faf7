"""A real broker."""

from sensor_platform_tests.running import broker

__all__ = ["broker"]
