"""The only room that imports Dagster: `assets` (the graph), `checks`, `sensors`, `planning`, `launcher`, `storage`.

No work on data belongs here. An asset calls the room that does the work and reports the result as metadata.
"""

import warnings

# dagster-dbt still uses the older of two parser packages; we cannot change that.
warnings.filterwarnings("ignore", message="sqlglotrs is deprecated", category=DeprecationWarning)
