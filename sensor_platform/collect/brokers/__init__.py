"""Brokers of our own, on 127.0.0.1 only: for the demo and for tests."""
