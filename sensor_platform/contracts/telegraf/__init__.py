"""Telegraf's mqtt_consumer as a site: topics, parsers and topic parsing as contracts, and what was not mapped."""
