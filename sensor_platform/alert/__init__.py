"""Alerts after the engine: rules.yaml, the live store with its outbox, notifications, and rules over history."""
