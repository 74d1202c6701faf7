"""Asset checks: freshness, quarantine rate, and completeness of landing."""
