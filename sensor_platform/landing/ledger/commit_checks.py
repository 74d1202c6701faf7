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
