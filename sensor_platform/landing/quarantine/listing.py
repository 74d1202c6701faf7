"""The quarantine as a person sees it: what is refused, by rule, and the messages themselves."""

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from sensor_platform.home import Home
from sensor_platform.landing.ledger.schema import read_ledger
from sensor_platform.landing.ledger.visible_files import quarantine_files
from sensor_platform.landing.quarantine.row_selection import RowSelection
from sensor_platform.landing.rejects import QUARANTINE_SCHEMA


@dataclass(frozen=True, slots=True)
class RuleCount:
    """How often a rule has struck."""

    rule: str
    hint: str
    messages: int
    readings: int
    newest: datetime
    """Naive UTC."""
    newest_reason: str


def read_quarantine(home: Home) -> pl.LazyFrame | None:
    """Everything that was refused, as committed, in the columns of a quarantine file; None where nothing was."""
    with read_ledger(home) as ledger:
        files = [] if ledger is None else quarantine_files(ledger, home)
    return pl.scan_parquet(files, hive_partitioning=False) if files else None


def chosen_rows(home: Home, choice: RowSelection) -> pl.DataFrame:
    """The rows of a choice, in the columns of a quarantine file."""
    with read_ledger(home) as ledger:
        files = [] if ledger is None else quarantine_files(ledger, home)
    parts = []
    for path in files:  # one by one: what is chosen is small, all of it need not be
        rows = pl.read_parquet(path, hive_partitioning=False)
        parts.append(rows.filter(choice.mask(rows)))
    return pl.concat([pl.DataFrame(schema=QUARANTINE_SCHEMA), *parts])


def waiting(home: Home) -> tuple[int, int]:
    """Messages and single readings that wait for somebody: what was dropped is settled, though `audit` counts it."""
    with read_ledger(home) as ledger:
        files = [] if ledger is None else quarantine_files(ledger, home)
    scopes = [pl.read_parquet(path, columns=["scope"])["scope"] for path in files if path.exists()]
    return sum(int((one == "message").sum()) for one in scopes), sum(int((one == "reading").sum()) for one in scopes)


def count_rules(home: Home) -> list[RuleCount]:
    """Refusals by rule, the most frequent first."""
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
