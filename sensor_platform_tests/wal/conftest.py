"""MQTT packets that share no code with the product."""

from sensor_platform_tests.mqtt_packets import publish_packet

__all__ = ["publish_packet"]
