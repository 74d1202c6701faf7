"""Checks of a commit that replaces what others committed: nobody else has replaced it meanwhile."""

import sqlite3
from collections.abc import Iterable

from sensor_platform.errors import Unreachable
from sensor_platform.landing.ledger.manifest import Manifest
from sensor_platform.landing.ledger.visible_files import is_visible


class ChangedMeanwhile(Unreachable):
    """What a commit would replace was replaced by another one meanwhile; nothing was changed. Start again."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} was changed by another command meanwhile; nothing was changed", "run it again")


class RulesChanged(ChangedMeanwhile):
    """The rules of what is forgotten changed while a segment was decoded."""


def check_rules(connection: sqlite3.Connection, text: str) -> None:
    """Check, within the transaction that makes a segment visible, that it was decoded by the rules in force.

    Args:
        connection: open for writing.
        text: the rules, as `forget_rules` gave them.

    Raises:
        RulesChanged: others are in force now.
    """
    if forget_rules(connection) != text:
        raise RulesChanged("what is to be forgotten")


def forget_rules(connection: sqlite3.Connection) -> str:
    """The rules of what is forgotten, as text; empty without any. `landing.forget` reads and writes it."""
    found = connection.execute("select value from meta where key = 'forgets'").fetchone()
    return str(found[0]) if found else ""


def check_visible(connection: sqlite3.Connection, files: Iterable[str]) -> None:
    """Check, within the transaction that replaces them, that files are still in use.

    Raises:
        ChangedMeanwhile: one is not.
    """
    for file in files:
        if not is_visible(connection, file):
            raise ChangedMeanwhile(file)


def check_committed(connection: sqlite3.Connection, manifest: Manifest) -> None:
    """Check, within the transaction that replaces it, that a manifest is the one that the ledger has.

    Raises:
        ChangedMeanwhile: it is not.
    """
    found = connection.execute("select committed_at from segments where segment = ?", (manifest.segment,)).fetchone()
    if found is None or found[0] != manifest.written_at:
        raise ChangedMeanwhile(f"segment {manifest.segment}")
