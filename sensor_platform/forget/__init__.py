"""Forgets a device, a metric or a topic in every tier of a home: landing, tables, published files, labels, alerts."""
