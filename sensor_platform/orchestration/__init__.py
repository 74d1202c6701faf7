"""The only room that imports Dagster: `assets` (the graph), `checks`, `asking` (sensors and jobs), `running` (runs).

What does not belong here: any work on data. An asset calls the room that does the work and reports what came of it as
metadata.
"""

import warnings

# A speed-up of dagster-dbt's SQL parser that has a successor. Nothing that we could do about it.
warnings.filterwarnings("ignore", message="sqlglotrs is deprecated", category=DeprecationWarning)
