"""MQTT as the source: paho connects, and our own reader takes the messages."""
