"""The MQTT side of the collector: paho connects, and the bulk lane reads what it lets through."""
