"""A real broker for the tests that need one, and an MQTT parser that shares nothing with the product."""

from sensor_platform_tests.mqtt_packets import parse_packets, publish_packet
from sensor_platform_tests.running import broker
from sensor_platform_tests.scripted_broker import mosquitto

__all__ = ["broker", "mosquitto", "parse_packets", "publish_packet"]
