"""Which runs to request and when. Pure decisions, without Dagster."""
