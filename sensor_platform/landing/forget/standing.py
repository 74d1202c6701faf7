"""The rules in force, in the ledger's `meta` and in `ledger/forgets.json`, which outlives the ledger.

The file is written first: after a kill it says what holds.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from msgspec import structs

from sensor_platform.errors import CheckFailed
from sensor_platform.home import Home
from sensor_platform.kernel.durable import write_file
from sensor_platform.kernel.sqlite import transaction
from sensor_platform.landing.forget.rule import ForgetRule
from sensor_platform.landing.ledger.commit_checks import forget_rules

_KEY = "forgets"
"""In `meta`; `ledger.commit_checks` reads it too."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The rules in force at one moment."""

    text: str = ""
    """How the ledger has them: two moments with the same text have the same rules."""
    rules: tuple[ForgetRule, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.rules)


NO_RULES = Standing()


def standing_rules(connection: sqlite3.Connection) -> Standing:
    """The rules in force by the ledger."""
    text = forget_rules(connection)
    return Standing(text, _decode(text.encode())) if text else NO_RULES


def rules_on_file(home: Home) -> tuple[ForgetRule, ...]:
    """The rules in force by their file: needs no ledger.

    Raises:
        CheckFailed: the file is damaged.
    """
    path = home.ledger / "forgets.json"
    return _decode(path.read_bytes()) if path.exists() else ()


def keep_rules(home: Home, connection: sqlite3.Connection, rules: Sequence[ForgetRule]) -> None:
    """Set the rules in force: file first, then ledger. Hold `changes_lock`."""
    data = msgspec.json.encode(list(rules)) if rules else b""
    write_file(home.ledger / "forgets.json", data)
    with transaction(connection):
        _put(connection, data)


def mark_pending(home: Home, connection: sqlite3.Connection) -> None:
    """Have the rules applied to everything once more: a file came back, for instance from a backup."""
    rules = standing_rules(connection).rules
    if rules:
        keep_rules(home, connection, [structs.replace(rule, pending=True) for rule in rules])


def sync_rules(home: Home, connection: sqlite3.Connection) -> None:
    """Make the ledger say what the file says, after a kill between the two. Hold `changes_lock`."""
    with transaction(connection):
        restore_rules(connection, home)


def restore_rules(connection: sqlite3.Connection, home: Home) -> None:
    """Make the ledger say what the file says, in the caller's transaction: it outlives a ledger that was lost."""
    path = home.ledger / "forgets.json"
    if path.exists():
        data = path.read_bytes()
        if forget_rules(connection).encode() != data:
            _decode(data)
            _put(connection, data)


def _put(connection: sqlite3.Connection, data: bytes) -> None:
    connection.execute("delete from meta where key = ?", (_KEY,))
    if data:
        connection.execute("insert into meta (key, value) values (?, ?)", (_KEY, data.decode()))


def _decode(data: bytes) -> tuple[ForgetRule, ...]:
    try:
        return msgspec.json.decode(data, type=tuple[ForgetRule, ...]) if data else ()
    except msgspec.DecodeError as error:
        raise CheckFailed(
            f"ledger/forgets.json is damaged: {error}",
            "restore it from a backup of the home; without it forgotten data could return",
        ) from error
