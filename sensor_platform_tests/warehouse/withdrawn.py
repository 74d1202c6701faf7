"""Landing files that are withdrawn."""

from sensor_platform.landing.ledger import open_ledger
from sensor_platform_tests.warehouse.landings import Landing


def withdraw(landing: Landing, number: int) -> int:
    """What a requeue does to a segment that then has no readings: its file goes, its slots are touched."""
    with open_ledger(landing.home) as ledger:
        newest: int = ledger.execute("select max(position) + 1 from slots").fetchone()[0]
        file = f"%{number:06d}.parquet"
        ledger.execute(
            "update slots set position = ? where slot_start in (select slot_start from file_slots where file like ?)",
            (newest, file),
        )
        ledger.execute("update files set replaced_at = 1 where file like ?", (file,))
    return newest
