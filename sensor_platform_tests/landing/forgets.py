"""Helpers of the tests of forgetting: what a home still says of a device, byte by byte."""

import re
import sqlite3
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl
import zstandard

from sensor_platform.home import Home
from sensor_platform.landing.config import LandingConfig
from sensor_platform.landing.forget.erase import Erased, begin, erase, settle
from sensor_platform.landing.forget.rule import ForgetRule
from sensor_platform.landing.integrity.raw_copies import ContractsInForce
from sensor_platform.landing.integrity.reland import contracts_of
from sensor_platform.landing.lander_lock import changes_lock
from sensor_platform.landing.ledger import landing_paths, open_ledger, quarantine_files, read_ledger
from sensor_platform.reading.contract import DEFAULT_CONTRACT

_RULES = re.compile(rb'\[{"at":[^]]*')
"""The rules themselves, as the ledger has them."""
STANDING = {"forgets.json"}
"""Files that name what must stay away."""


def contracts() -> ContractsInForce:
    """The default contract."""
    return contracts_of((DEFAULT_CONTRACT,), LandingConfig(), date(2010, 1, 1), 10)


def forgotten(home: Home, rule: ForgetRule, now: int, *, is_real: bool = True) -> Erased:
    """Forget in the landing tier."""
    with changes_lock(home, "forget"), open_ledger(home) as ledger:
        if not is_real:
            return erase(home, ledger, [rule], contracts(), lambda: now, is_real=False)
        rule = begin(home, ledger, rule)
        found = erase(home, ledger, [rule], contracts(), lambda: now)
        settle(home, ledger, [rule])
        return found


def readings(home: Home) -> pl.DataFrame:
    """All visible readings."""
    with read_ledger(home) as ledger:
        assert ledger is not None
        paths = landing_paths(ledger, home)
    return _rows(paths)


def rejects(home: Home) -> pl.DataFrame:
    """All visible rejects."""
    with read_ledger(home) as ledger:
        assert ledger is not None
        paths = quarantine_files(ledger, home)
    return _rows(paths)


def _rows(paths: list[Path]) -> pl.DataFrame:
    return pl.concat([pl.read_parquet(path, hive_partitioning=False) for path in paths]) if paths else pl.DataFrame()


def traces(home: Home, name: str) -> list[str]:
    """Files that still hold a name, read as what they are: Parquet rows, SQLite rows, uncompressed archives, bytes."""
    word = re.compile(re.escape(name.encode()) + rb"(?![\w-])")
    paths = sorted(path for path in home.root.rglob("*") if path.is_file() and path.name not in STANDING)
    return [
        str(path.relative_to(home.root)) for path in paths if any(word.search(content) for content in _contents(path))
    ]


def _contents(path: Path) -> Iterator[bytes]:
    yield _RULES.sub(b"", path.read_bytes())
    if path.suffix == ".parquet":
        frame = pl.read_parquet(path, hive_partitioning=False)
        yield repr(frame.rows()).encode()
    elif path.suffix == ".zst":
        with path.open("rb") as file:
            yield zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True).read()
    elif path.suffix in {".sqlite", ".db"}:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            for (table,) in connection.execute("select name from sqlite_master where type = 'table'").fetchall():
                for row in connection.execute(f"select * from {table}"):
                    if row[0] != "forgets":
                        yield repr(row).encode()
        finally:
            connection.close()
