"""Lists the quarantine: rejects by rule, and the rows themselves."""

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from sensor_platform.home import Home
from sensor_platform.landing.ledger.schema import read_ledger
from sensor_platform.landing.ledger.visible_files import quarantine_counts, quarantine_files
from sensor_platform.landing.quarantine.row_selection import RowSelection
from sensor_platform.landing.rejects import QUARANTINE_SCHEMA, read_rejects, scan_rejects


@dataclass(frozen=True, slots=True)
class RuleCount:
    """Number of rejects by one rule."""

    rule: str
    hint: str
    messages: int
    readings: int
    newest: datetime
    """Receive time of the newest, plain UTC."""
    newest_reason: str


def read_quarantine(home: Home) -> pl.LazyFrame | None:
    """All committed rejects in the columns of a quarantine file; None without any."""
    with read_ledger(home) as ledger:
        files = [] if ledger is None else quarantine_files(ledger, home)
    return scan_rejects(files) if files else None


def chosen_rows(home: Home, choice: RowSelection) -> pl.DataFrame:
    """The selected rows, in the columns of a quarantine file."""
    with read_ledger(home) as ledger:
        files = [] if ledger is None else quarantine_files(ledger, home)
    parts = []
    for path in files:  # one by one: the selected rows are few, all rows may be many
        rows = read_rejects(path)
        parts.append(rows.filter(choice.mask(rows)))
    return pl.concat([pl.DataFrame(schema=QUARANTINE_SCHEMA), *parts])


def waiting(home: Home) -> tuple[int, int]:
    """Number of messages and of single readings in the quarantine, without dropped ones (which `audit` counts too)."""
    with read_ledger(home) as ledger:
        if ledger is None:
            return 0, 0
        rows, messages, uncounted = quarantine_counts(ledger, home)
    scopes = [pl.read_parquet(path, columns=["scope"])["scope"] for path in uncounted if path.exists()]
    messages += sum(int((one == "message").sum()) for one in scopes)
    return messages, rows - messages


def count_rules(home: Home) -> list[RuleCount]:
    """Number of rejects by rule, the most frequent first."""
    rows = read_quarantine(home)
    if rows is None:
        return []
    newest = pl.col("received_at").arg_max()
    counted = (
        rows.group_by("rule")
        .agg(
            pl.col("hint").first(),
            (pl.col("scope") == "message").sum().alias("messages"),
            (pl.col("scope") == "reading").sum().alias("readings"),
            pl.col("received_at").max().alias("newest"),
            pl.col("reason").get(newest).alias("newest_reason"),
        )
        .sort(pl.col("messages") + pl.col("readings"), "rule", descending=[True, False])
        .collect()
    )
    return [RuleCount(**row) for row in counted.iter_rows(named=True)]
