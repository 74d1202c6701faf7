"""The only room that imports Dagster: one module per stage with its assets, checks and sensor.

What belongs here: asset definitions, partitions, checks, sensors, schedules, and how runs are asked for. What does not:
any work on data. An asset calls the room that does the work and reports what came of it as metadata.
"""

import warnings

# A speed-up of dagster-dbt's SQL parser that has a successor. Nothing that we could do about it.
warnings.filterwarnings("ignore", message="sqlglotrs is deprecated", category=DeprecationWarning)
