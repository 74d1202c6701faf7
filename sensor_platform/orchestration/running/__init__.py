"""Module names that the dagster.yaml of homes made by version 0.1.0 carries. They lead to `launcher` and `storage`."""
