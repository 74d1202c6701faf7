"""The ledger: only its commit makes a landed segment visible. This module is what other rooms import of it.

Write side: `open_ledger`, `commit_segment` (the lander's), `copy_state` (the warehouse's, after its own commit),
`reopen_slots` (what changes the past without a reading).
Read side: `read_ledger` and the questions below. SQLite in WAL mode, synchronous FULL; times are integer microseconds.
"""

from sensor_platform.landing.ledger.commit import StateRow, commit_segment, copy_state, reopen_slots
from sensor_platform.landing.ledger.queries import (
    LandingFile,
    Totals,
    generation,
    landing_files,
    landing_files_between,
    newest_position,
    newest_touch,
    note,
    quarantine_files,
    slots_after,
    slots_between,
    totals,
)
from sensor_platform.landing.ledger.schema import open_ledger, read_ledger

__all__ = [
    "LandingFile",
    "StateRow",
    "Totals",
    "commit_segment",
    "copy_state",
    "generation",
    "landing_files",
    "landing_files_between",
    "newest_position",
    "newest_touch",
    "note",
    "open_ledger",
    "quarantine_files",
    "read_ledger",
    "reopen_slots",
    "slots_after",
    "slots_between",
    "totals",
]
