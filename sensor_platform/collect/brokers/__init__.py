"""Brokers that we start on 127.0.0.1, for the demo and for tests."""
