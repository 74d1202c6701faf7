"""The only room that imports Dagster: one module per stage with its assets, checks and sensor."""
