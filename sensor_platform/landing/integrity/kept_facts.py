"""What relanding a segment cannot find again: drift was new when it was first landed, and is known now."""

from msgspec import structs

from sensor_platform.landing.kind_drift import MAX_DRIFT
from sensor_platform.landing.ledger.manifest import DriftEntry, Manifest


def with_kept_facts(new: Manifest, old: Manifest) -> Manifest:
    """The manifest of a relanded segment with the drift and the kinds of values of the earlier one.

    Those of devices that the segment has no more are left out. New are only kinds that a metric never had before: gaps
    in sequences are found only in the order in which messages arrived.
    """
    devices = {row.device_id for row in new.counts}
    kept = [drift for drift in old.drift if drift.device_id in devices]
    seen = {_key(drift) for drift in kept}
    fresh = [drift for drift in new.drift if drift.what == "type" and _key(drift) not in seen]
    kinds = {(device, metric): bits for device, metric, bits in old.kinds if device in devices}
    for device, metric, bits in new.kinds:
        kinds[device, metric] = kinds.get((device, metric), 0) | bits
    return structs.replace(
        new,
        drift=tuple([*kept, *fresh][:MAX_DRIFT]),
        kinds=tuple((*key, bits) for key, bits in sorted(kinds.items())),
    )


def _key(drift: DriftEntry) -> tuple[int, str, str | None, str]:
    return drift.position, drift.device_id, drift.metric, drift.what
