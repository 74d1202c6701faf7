"""Applies the rules in force to commits that are not decoded by them: imports and requeued messages."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from msgspec import structs

from sensor_platform.home import Home
from sensor_platform.landing.forget.archive import blanked_archives
from sensor_platform.landing.forget.facts import manifests_with_facts
from sensor_platform.landing.forget.masks import RuleChoice
from sensor_platform.landing.forget.standing import keep_rules, standing_rules
from sensor_platform.landing.ledger.queries import next_commit_time
from sensor_platform.landing.removal.intent import carry_out
from sensor_platform.landing.removal.remove import Removal


@contextmanager
def enforced(home: Home, ledger: sqlite3.Connection, slot: int, clock: Callable[[], int]) -> Iterator[None]:
    """Take out of what the body commits whatever the rules take. Hold `changes_lock`.

    The rules are pending meanwhile, so that what a kill leaves is taken out by the next `forget` or upkeep.

    Args:
        home: the data folder.
        ledger: open for writing.
        slot: length of a slot in microseconds.
        clock: microseconds since the epoch, UTC.
    """
    rules = standing_rules(ledger).rules
    if not rules:
        yield
        return
    before = _visible(ledger)
    keep_rules(home, ledger, [structs.replace(rule, pending=True) for rule in rules])
    yield
    choice, now = RuleChoice(rules), next_commit_time(ledger, clock())
    removal = Removal(home, ledger, choice, slot, now, is_forgotten=True, rules=rules)
    removal.run(only=_visible(ledger) - before)
    if removal.files:
        removal.archives += blanked_archives(home, ledger, choice, removal.messages(), None, is_real=True)
        removal.with_facts += manifests_with_facts(home, rules)
        carry_out(home, ledger, removal.intent())
    keep_rules(home, ledger, rules)


def _visible(ledger: sqlite3.Connection) -> frozenset[str]:
    return frozenset(file for (file,) in ledger.execute("select file from files where replaced_at is null"))
