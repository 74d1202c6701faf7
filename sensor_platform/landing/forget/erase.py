"""Deletes from the landing tier what rules take: landing, quarantine and archive files, and facts in the ledger."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from msgspec import structs

from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform.kernel.sqlite import transaction
from sensor_platform.landing.files.leftovers import remove_dead
from sensor_platform.landing.files.paths import aside
from sensor_platform.landing.forget.archive import blanked_archives
from sensor_platform.landing.forget.facts import delete_facts, manifests_with_facts
from sensor_platform.landing.forget.masks import RuleChoice
from sensor_platform.landing.forget.rule import ForgetRule
from sensor_platform.landing.forget.standing import keep_rules, standing_rules, sync_rules
from sensor_platform.landing.integrity.raw_copies import ContractsInForce
from sensor_platform.landing.integrity.reland_intent import finish_intents
from sensor_platform.landing.ledger.decoder_memory import load_memory
from sensor_platform.landing.ledger.horizon import landing_floor
from sensor_platform.landing.ledger.queries import next_commit_time
from sensor_platform.landing.manifests.named import forget_in_files
from sensor_platform.landing.removal.intent import carry_out
from sensor_platform.landing.removal.remove import Removal


@dataclass(frozen=True, slots=True)
class Erased:
    """What was deleted from the landing tier, or would be."""

    readings: int = 0
    messages: int = 0
    """Messages of which nothing is left."""
    mixed_messages: int = 0
    """Messages of which other readings stay, though they can no longer be landed again."""
    rejects: int = 0
    landing_files: int = 0
    quarantine_files: int = 0
    archived_messages: int = 0
    archive_files: int = 0
    slots: int = 0
    """Slots that are built again."""
    frozen_slots: int = 0
    """Slots below the landing floor: tables keep their windows, without the rows."""
    waiting_segments: int = 0
    """Segments that are not landed yet; the rules are applied when they land."""
    files_aside: int = 0
    """Files in `aside/`, which are not looked into."""


def erase(
    home: Home,
    ledger: sqlite3.Connection,
    rules: Sequence[ForgetRule],
    contracts: ContractsInForce,
    clock: Callable[[], int],
    *,
    is_real: bool = True,
) -> Erased:
    """Delete what the rules take, in one commit. Hold `changes_lock`. Repeating it deletes nothing more.

    Args:
        home: the data folder.
        ledger: open for writing.
        rules: what to delete; they are in force already, unless nothing is written.
        contracts: in force now, by which the archive is decoded.
        clock: microseconds since the epoch, UTC.
        is_real: False only counts.

    Raises:
        CheckFailed: a file is damaged; nothing was changed.
    """
    choice = RuleChoice(rules)
    now = next_commit_time(ledger, clock())
    removal = Removal(home, ledger, choice, contracts.slot, now, is_forgotten=True, is_real=is_real, rules=rules)
    removal.run()
    contracts.decoder.memory = load_memory(ledger)  # births that arrived before the archive begins
    removal.archives += blanked_archives(home, ledger, choice, removal.messages(), contracts, is_real=is_real)
    if is_real:
        removal.with_facts += manifests_with_facts(home, rules)
        ledger.execute("pragma secure_delete = on")  # what is deleted is overwritten in the database file too
        if removal.files or removal.archives or removal.with_facts:
            carry_out(home, ledger, removal.intent())
        else:  # retention may have left only counts and rows of the ledger, and a rebuild keeps some of them
            forget_in_files(home, {rule.device: rule.at for rule in rules if rule.is_whole_device and rule.device})
            with transaction(ledger):
                for rule in rules:
                    delete_facts(ledger, rule)
        ledger.execute("pragma wal_checkpoint(truncate)")
    floor = landing_floor(ledger)
    found = removal.found
    return Erased(
        readings=found.readings,
        messages=found.messages,
        mixed_messages=found.mixed,
        rejects=found.rejects,
        landing_files=found.landing_files,
        quarantine_files=found.quarantine_files,
        archived_messages=sum(archive.messages for archive in removal.archives),
        archive_files=len(removal.archives),
        slots=sum(floor is None or slot >= floor for slot in removal.slots),
        frozen_slots=sum(floor is not None and slot < floor for slot in removal.slots),
        waiting_segments=sum(1 for pattern in ("*.wal", "*.open") for _ in home.wal.glob(pattern)),
        files_aside=sum(1 for path in aside(home).glob("*") if path.is_file()),
    )


def begin(home: Home, ledger: sqlite3.Connection, asked: ForgetRule) -> ForgetRule:
    """Put a rule into force, before anything is deleted; returns it as it stands. Hold `changes_lock`.

    The same rule without an end replaces the one of before, which takes less; with an end it is the one of before.
    """
    remove_dead([*home.ledger.glob("forgets.json.*.tmp"), *home.ledger.glob("*/*.tmp")])
    finish_intents(home, ledger)
    sync_rules(home, ledger)
    rules = list(standing_rules(ledger).rules)
    same = [rule for rule in rules if (rule.names, rule.first, rule.end) == (asked.names, asked.first, asked.end)]
    if same and (asked.end is not None or same[0].pending):
        asked = same[0]
    asked = structs.replace(asked, pending=True)
    keep_rules(home, ledger, [*(rule for rule in rules if rule not in same), asked])
    return asked


def settle(home: Home, ledger: sqlite3.Connection, done: Sequence[ForgetRule]) -> None:
    """Record that nothing is left to delete for these rules. Hold `changes_lock`."""
    ids = {rule.id for rule in done}
    rules = standing_rules(ledger).rules
    keep_rules(home, ledger, [structs.replace(rule, pending=False) if rule.id in ids else rule for rule in rules])


def lift(home: Home, ledger: sqlite3.Connection, start: str) -> ForgetRule:
    """End a rule, by its id or the beginning of it: what comes from now on lands. Hold `changes_lock`.

    Raises:
        WrongUse: no rule, or several, have such an id.
    """
    finish_intents(home, ledger)
    sync_rules(home, ledger)
    rules = standing_rules(ledger).rules
    found = [rule for rule in rules if start and rule.id.startswith(start)]
    if len(found) != 1:
        what = f"fits {len(found)} rules" if found else "is the id of no rule"
        raise WrongUse(f"{start!r} {what}", "see `sensor-platform forget --list`")
    keep_rules(home, ledger, [rule for rule in rules if rule != found[0]])
    return found[0]
