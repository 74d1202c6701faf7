"""Anomaly scores side by side, their thresholds, reasons and events."""
