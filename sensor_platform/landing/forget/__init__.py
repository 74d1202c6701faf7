"""Deletes what is known of a device, a metric or a topic, and keeps it from coming back until the rule is lifted."""
