"""Manifests of closed hours in bundles, and the counts of devices beside them as Parquet."""
