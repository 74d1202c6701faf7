"""A real broker, a certificate and a server that speaks TLS."""

from sensor_platform_tests.scripted_broker import certificate, mosquitto, tls_listener

__all__ = ["certificate", "mosquitto", "tls_listener"]
