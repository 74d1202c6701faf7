"""Sparkplug B (`spBv1.0`): protobuf payloads whose metrics are named once, at birth, and by number after it."""
