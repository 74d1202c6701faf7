"""The platform on a file that it has never seen: `sensor-platform evaluate`."""
