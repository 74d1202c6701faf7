"""Facts about devices beside their readings: counts, drift, kinds of values, sequences of numbers, last arrivals.

A rule takes them where it takes everything of a device or metric. Messages stay counted, without the device.
"""

import sqlite3
from collections.abc import Sequence

import msgspec
from msgspec import structs

from sensor_platform.home import Home
from sensor_platform.landing.files.landing_table import UNKNOWN_DEVICE
from sensor_platform.landing.forget.rule import ForgetRule
from sensor_platform.landing.ledger.count_rows import ADDING
from sensor_platform.landing.ledger.device_counts import summed
from sensor_platform.landing.ledger.heard import forget_heard
from sensor_platform.landing.ledger.manifest import COUNTS, DeviceCounts, DriftEntry, Manifest
from sensor_platform.landing.manifests.named import names_in_bundles

_COUNTS = ", ".join(COUNTS)


def without_facts(manifest: Manifest, rules: Sequence[ForgetRule]) -> Manifest:
    """The manifest without what the rules take."""
    counts: list[DeviceCounts] = []
    moved: list[DeviceCounts] = []
    for row in manifest.counts:
        if any(rule.is_whole_device and rule.device == row.device_id and row.hour <= rule.at for rule in rules):
            moved.append(
                structs.replace(row, device_id=UNKNOWN_DEVICE, sequences=(), first_sequence=None, last_sequence=None)
            )
        else:
            counts.append(row)
    return structs.replace(
        manifest,
        counts=summed(counts, moved) if moved else manifest.counts,
        drift=tuple(each for each in manifest.drift if not _takes_drift(each, rules)),
        kinds=tuple(each for each in manifest.kinds if not _takes_series(each[0], each[1], rules)),
    )


def delete_facts(connection: sqlite3.Connection, rule: ForgetRule) -> None:
    """Delete from the ledger what a rule takes, within the caller's transaction."""
    delete_heard(connection, rule)
    if rule.is_whole_device:
        names = (rule.device, rule.at)
        connection.execute(
            f"insert into counts (hour, device_id, {_COUNTS}) select hour, ?, {_COUNTS} from counts"  # noqa: S608 - constants
            f" where device_id = ? and hour <= ? {ADDING}",
            (UNKNOWN_DEVICE, *names),
        )
        connection.execute("delete from counts where device_id = ? and hour <= ?", names)
        connection.execute("delete from sequences where device_id = ? and hour <= ?", names)
    if rule.topic is not None:
        return
    first, end = rule.span
    connection.execute(
        "delete from drift where (? is null or device_id = ?) and (? is null or metric = ?)"
        " and received_at >= ? and received_at < ? and (? is not null or received_at <= ?)",
        (rule.device, rule.device, rule.metric, rule.metric, first, end, rule.end, rule.at),
    )
    if rule.is_of_all_time:
        connection.execute(
            "delete from kinds where (? is null or device_id = ?) and (? is null or metric = ?)",
            (rule.device, rule.device, rule.metric, rule.metric),
        )
    if rule.is_whole_device:  # a Sparkplug node is asked for its births again
        connection.execute(
            "delete from births where ? = node or substr(?, 1, length(node) + 1) = node || '/'",
            (rule.device, rule.device),
        )


def delete_heard(connection: sqlite3.Connection, rule: ForgetRule) -> None:
    """Delete when a device was heard of last, unless that was after the rule, within the caller's transaction."""
    if rule.is_whole_device and rule.device is not None:
        forget_heard(connection, rule.device, rule.at)


def manifests_with_facts(home: Home, rules: Sequence[ForgetRule]) -> list[str]:
    """Names of the manifests that name what the rules take."""
    words = [msgspec.json.encode(rule.device or rule.metric) for rule in rules if rule.topic is None]
    found = []
    for path in sorted((home.ledger / "segments").glob("*.json")) if words else []:
        content = path.read_bytes()
        if any(word in content for word in words):
            found.append(path.stem)
    if words:
        whole = [rule.device for rule in rules if rule.is_whole_device and rule.device is not None]
        found += names_in_bundles(home, words, whole)
    return list(dict.fromkeys(found))


def _takes_drift(entry: DriftEntry, rules: Sequence[ForgetRule]) -> bool:
    return any(
        rule.topic is None
        and rule.device in {None, entry.device_id}
        and rule.metric in {None, entry.metric}
        and rule.is_in_time(entry.received_at, entry.received_at)
        for rule in rules
    )


def _takes_series(device: str, metric: str, rules: Sequence[ForgetRule]) -> bool:
    return any(
        rule.is_of_all_time and rule.device in {None, device} and rule.metric in {None, metric} for rule in rules
    )
