"""What the tests of this folder import from the product: a module that is renamed there is renamed here, once."""

from sensor_platform.collect.kafka.offsets import StoredOffsets
from sensor_platform.errors import PlatformError
from sensor_platform.home import Home
from sensor_platform.landing import housekeeping as upkeeping
from sensor_platform.landing.config import LandingConfig
from sensor_platform.landing.integrity import reland as relanding
from sensor_platform.landing.integrity import reland_intent
from sensor_platform.landing.integrity.audit import audit
from sensor_platform.landing.integrity.rebuild_ledger import rebuild_ledger
from sensor_platform.landing.integrity.verify import Verification, verify
from sensor_platform.landing.lander_lock import changes_lock
from sensor_platform.landing.ledger import (
    generation,
    landing_files,
    newest_touch,
    open_ledger,
    read_ledger,
    reopen_slots,
    slots_between,
)
from sensor_platform.landing.open_lander import limits_of, open_lander
from sensor_platform.landing.quarantine import reconcile as settling
from sensor_platform.landing.quarantine.row_selection import RowSelection
from sensor_platform.orchestration.checks.integrity import mend_files
from sensor_platform.orchestration.planning.run_planner import Lane, Outcome, PastRun, Rules, decide
from sensor_platform.reading.contract import DEFAULT_CONTRACT, Contract, TimeSource, ValueSource
from sensor_platform.reading.decode import Decoder
from sensor_platform.retention import apply as retaining
from sensor_platform.retention import landing_tier
from sensor_platform.retention.apply import Retention
from sensor_platform.settings import load_settings
from sensor_platform.site import Site, load_site
from sensor_platform.wal import BatchFacts, Header, encode_mqtt, read_committed_offset, recover_segments
from sensor_platform.wal.committed_offset import CommittedOffsetFile
from sensor_platform.wal.segment_writer import SegmentWriter
from sensor_platform.warehouse import rebuild as rebuilding
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.build_report import BuildReport
from sensor_platform.warehouse.dbt.source_view import coalesce
from sensor_platform.warehouse.dirty import DirtyDay, dirty_days
from sensor_platform.warehouse.file.connection import open_warehouse
from sensor_platform.warehouse.file.writer_lock import writer_lock
from sensor_platform.warehouse.lineage import WHOLE, dbt_models, models
from sensor_platform.warehouse.publish import publish

__all__ = [
    "DEFAULT_CONTRACT",
    "WHOLE",
    "BatchFacts",
    "BuildReport",
    "CommittedOffsetFile",
    "Contract",
    "Decoder",
    "DirtyDay",
    "Header",
    "Home",
    "LandingConfig",
    "Lane",
    "Outcome",
    "PastRun",
    "PlatformError",
    "Retention",
    "RowSelection",
    "Rules",
    "SegmentWriter",
    "Site",
    "StoredOffsets",
    "TimeSource",
    "ValueSource",
    "Verification",
    "audit",
    "build",
    "changes_lock",
    "coalesce",
    "dbt_models",
    "decide",
    "dirty_days",
    "encode_mqtt",
    "generation",
    "landing_files",
    "landing_tier",
    "limits_of",
    "load_settings",
    "load_site",
    "mend_files",
    "models",
    "newest_touch",
    "open_lander",
    "open_ledger",
    "open_warehouse",
    "publish",
    "read_committed_offset",
    "read_ledger",
    "rebuild_ledger",
    "rebuilding",
    "recover_segments",
    "reland_intent",
    "relanding",
    "reopen_slots",
    "retaining",
    "settling",
    "slots_between",
    "upkeeping",
    "verify",
    "writer_lock",
]
