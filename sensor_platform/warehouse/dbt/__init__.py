"""dbt inside this process: the source it reads, the project kept parsed, its run, and what came of it."""
