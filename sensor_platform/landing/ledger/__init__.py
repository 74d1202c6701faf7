"""The ledger: only its commit makes a landed segment visible. Other rooms import from here, not from its modules.

Only room `landing` knows the ledger's tables; other rooms ask by the functions below. Writing starts with
`open_ledger`, reading with `read_ledger`. SQLite in WAL mode, synchronous FULL; times are integer microseconds.
"""

from sensor_platform.landing.ledger.commit import commit_segment, load_memory, reopen_slots
from sensor_platform.landing.ledger.daily_rows import (
    drift_fingerprints,
    drift_rows,
    drift_since,
    late_fingerprints,
    late_rows,
)
from sensor_platform.landing.ledger.horizon import NO_HORIZON, Horizon, landing_floor, raise_floor, retention_horizon
from sensor_platform.landing.ledger.landed_segments import LandedSegmentsOf
from sensor_platform.landing.ledger.manifest import (
    DeviceCounts,
    FileEntry,
    ImportedFile,
    Manifest,
    manifest_path,
    read_manifest,
    write_manifest,
)
from sensor_platform.landing.ledger.queries import (
    KnownFile,
    Totals,
    generation,
    imported,
    is_free,
    newest_event,
    newest_position,
    newest_touch,
    next_commit_time,
    note,
    totals,
)
from sensor_platform.landing.ledger.schema import open_ledger, read_ledger, refuse_newer_home
from sensor_platform.landing.ledger.slot_grid import check_grid, keep_grid, recorded_grid
from sensor_platform.landing.ledger.slots import (
    newest_slots,
    readings_by_slot,
    slots_after,
    slots_between,
    touched_days,
    touched_extent,
)
from sensor_platform.landing.ledger.visible_files import (
    LandingFile,
    VisibleFile,
    files_wholly_before,
    first_slots,
    landing_bytes,
    landing_files,
    landing_paths,
    last_file_of_days,
    quarantine_files,
    raw_files_since,
)
from sensor_platform.landing.ledger.warehouse_copy import (
    StateRow,
    built_position,
    built_windows,
    copy_state,
    replace_state,
)

__all__ = [
    "NO_HORIZON",
    "DeviceCounts",
    "FileEntry",
    "Horizon",
    "ImportedFile",
    "KnownFile",
    "LandedSegmentsOf",
    "LandingFile",
    "Manifest",
    "StateRow",
    "Totals",
    "VisibleFile",
    "built_position",
    "built_windows",
    "check_grid",
    "commit_segment",
    "copy_state",
    "drift_fingerprints",
    "drift_rows",
    "drift_since",
    "files_wholly_before",
    "first_slots",
    "generation",
    "imported",
    "is_free",
    "keep_grid",
    "landing_bytes",
    "landing_files",
    "landing_floor",
    "landing_paths",
    "last_file_of_days",
    "late_fingerprints",
    "late_rows",
    "load_memory",
    "manifest_path",
    "newest_event",
    "newest_position",
    "newest_slots",
    "newest_touch",
    "next_commit_time",
    "note",
    "open_ledger",
    "quarantine_files",
    "raise_floor",
    "raw_files_since",
    "read_ledger",
    "read_manifest",
    "readings_by_slot",
    "recorded_grid",
    "refuse_newer_home",
    "reopen_slots",
    "replace_state",
    "retention_horizon",
    "slots_after",
    "slots_between",
    "totals",
    "touched_days",
    "touched_extent",
    "write_manifest",
]
