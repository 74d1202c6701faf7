"""Lands sealed WAL segments as Parquet files and in the ledger, which alone makes them visible.

Other rooms import from the modules in `PUBLIC` only, and from the ledger's package, not from its modules. They are not
imported here: reading the ledger must not load Polars.
"""

PUBLIC = (
    "config",
    "due_floor",
    "files.landing_table",
    "files.leftovers",
    "files.parquet",
    "files.paths",
    "files.row_order",
    "files.text_codes",
    "forget.enforce",
    "forget.erase",
    "forget.rule",
    "forget.standing",
    "housekeeping",
    "integrity.audit",
    "integrity.damage",
    "integrity.day_files",
    "integrity.raw_copies",
    "integrity.rebuild_ledger",
    "integrity.reland",
    "integrity.segment_state",
    "integrity.verify",
    "lander_lock",
    "lander_status",
    "ledger",
    "long_steps",
    "open_lander",
    "quarantine.row_selection",
    "quarantine.listing",
    "quarantine.reconcile",
    "quarantine.reject_rate",
    "record_batches",
    "rejects",
    "removal.choice",
    "removal.intent",
    "removal.remove",
    "service",
)
