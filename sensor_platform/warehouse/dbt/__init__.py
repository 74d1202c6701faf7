"""dbt inside this process: its source view, the cached parsed project, its invocation and its results."""
