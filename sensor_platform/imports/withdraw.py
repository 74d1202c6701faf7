"""Takes imported files back: their readings and rejects leave the landing and quarantine files in one ledger commit.

A withdrawn file was never received by the audit's count, and can be imported again.
"""

import sqlite3
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from msgspec import structs

from sensor_platform.errors import CheckFailed
from sensor_platform.home import Home
from sensor_platform.imports.known_imports import chosen_imports
from sensor_platform.kernel.clock import MINUTE
from sensor_platform.landing.files.leftovers import clear_changes
from sensor_platform.landing.integrity.segment_state import read_state
from sensor_platform.landing.lander_lock import changes_lock
from sensor_platform.landing.ledger import (
    KnownFile,
    Manifest,
    imported,
    keep_device_rule,
    keep_grid,
    landing_floor,
    next_commit_time,
    open_ledger,
)
from sensor_platform.landing.removal.choice import ByPosition, PositionRange
from sensor_platform.landing.removal.intent import RemovalIntent, carry_out
from sensor_platform.landing.removal.remove import Removal


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Result of a withdrawal, or what it would be."""

    files: tuple[str, ...]
    rows: int
    readings: int
    refused: int
    """Rows of the quarantine."""
    reconciled: int
    """Commits of `quarantine requeue` and `drop` that end with the import."""
    slots: int
    frozen_slots: int
    """Slots among them that may not be built again: their tables keep the rows."""


def withdraw(
    home: Home,
    names: Sequence[str],
    slot: int,
    clock: Callable[[], int],
    *,
    is_real: bool = True,
    wait_seconds: float = 0.0,
) -> Withdrawn:
    """Withdraw imported files.

    Args:
        home: the data folder.
        names: ids of imports or files, or paths of imported files; see `chosen_imports`.
        slot: length of a slot in microseconds.
        clock: microseconds since the epoch, UTC.
        is_real: False only counts.
        wait_seconds: how long to wait for another change of landed data.

    Raises:
        WrongUse: a name fits no import, or the home has slots of another length.
        CheckFailed: a file of the import is damaged; nothing was changed.
        Unreachable: another change works on this home.
    """
    with changes_lock(home, "import", wait_seconds=wait_seconds), open_ledger(home) as ledger:
        keep_grid(ledger, slot // MINUTE)
        keep_device_rule(ledger, home)
        clear_changes(home, ledger)
        files = chosen_imports(imported(ledger), names)
        now = next_commit_time(ledger, clock())
        removal, intent = removal_of(home, ledger, files, slot, now, is_real=is_real)
        if is_real:
            carry_out(home, ledger, intent)
        floor = landing_floor(ledger)
    return Withdrawn(
        files=tuple(file.name for file in files),
        rows=sum(file.rows for file in files),
        readings=removal.found.readings,
        refused=removal.found.rejects,
        reconciled=len(intent.gone) - len({name for name in intent.gone if name.startswith("import-")}),
        slots=len(removal.slots),
        frozen_slots=sum(floor is not None and start < floor for start in removal.slots),
    )


def removal_of(
    home: Home,
    ledger: sqlite3.Connection,
    files: Collection[KnownFile],
    slot: int,
    now: int,
    added: Sequence[Manifest] = (),
    *,
    is_real: bool = True,
) -> tuple[Removal, RemovalIntent]:
    """Write the files that take imported files back, and make the intent; the caller carries it out.

    Args:
        home: the data folder.
        ledger: open for writing, under `changes_lock`.
        files: to take back.
        slot: microseconds.
        now: time of the commit.
        added: an import that takes their place in the same commit.
        is_real: False writes nothing.
    """
    ranges = [PositionRange(file.segment, file.first_position, file.first_position + file.rows) for file in files]
    removal = Removal(home, ledger, ByPosition(ranges), slot, now, is_forgotten=False, is_real=is_real)
    removal.run()
    digests = {file.sha256 for file in files}
    gone: list[str] = []
    for segment in sorted({file.segment for file in files}):
        state = read_state(home, ledger, segment)
        if state is None:
            raise CheckFailed(f"the manifest of {segment} is missing", "restore ledger/ from a backup of the home")
        if digests.issuperset(source.sha256 for source in state.whole.sources):
            gone += [manifest.segment for manifest in state.manifests]
    intent = removal.intent(gone, added)
    kept = tuple(
        structs.replace(each, sources=tuple(source for source in each.sources if source.sha256 not in digests))
        for each in intent.manifests
    )
    return removal, structs.replace(intent, manifests=kept)
