"""What names a device where neither payload nor contract does, in one data folder: the rule with which it began.

`topic` takes the topic without the levels with which the subscription begins; `last_level`, the rule of the first
releases, takes `id` or the last level of the topic. The rule is kept in a file beside the ledger, which outlives a lost
ledger. A site may state another rule.
"""

import contextlib
import sqlite3
from pathlib import Path
from typing import Literal

from sensor_platform.home import Home
from sensor_platform.kernel.durable import write_file
from sensor_platform.kernel.sqlite import connect_to_read

DeviceRule = Literal["topic", "last_level"]
_RULES: tuple[DeviceRule, ...] = ("topic", "last_level")


def keep_device_rule(connection: sqlite3.Connection, home: Home) -> None:
    """Record the rule of a data folder that has none, before anything is landed with it.

    Args:
        connection: of `open_ledger`.
        home: the data folder.

    Raises:
        OSError: the file cannot be written.
    """
    if not _path(home).exists():
        write_file(_path(home), _rule_of(connection).encode())


def device_rule_of(home: Home) -> DeviceRule:
    """The rule of a data folder; `last_level` where it has data and no rule was recorded."""
    with contextlib.suppress(OSError):
        found = _path(home).read_text(encoding="utf-8").strip()
        if known := next((rule for rule in _RULES if rule == found), None):
            return known
    if home.ledger_file.exists():
        with contextlib.suppress(sqlite3.Error), contextlib.closing(connect_to_read(home.ledger_file)) as connection:
            return _rule_of(connection)
    return "topic"


def _rule_of(connection: sqlite3.Connection) -> DeviceRule:
    return "last_level" if connection.execute("select 1 from segments limit 1").fetchone() else "topic"


def _path(home: Home) -> Path:
    return home.ledger / "device_rule"
