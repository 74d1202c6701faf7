"""How old the newest data of each layer is. Reads the ledger and its copy of the warehouse's state; opens no DuckDB."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from sensor_platform.home import Home
from sensor_platform.kernel.clock import MINUTE, to_micros
from sensor_platform.landing.device_freshness import Devices, names, recent_devices
from sensor_platform.landing.ledger import built_position, generation, newest_event, newest_slots, read_ledger
from sensor_platform.site import Site
from sensor_platform.warehouse.lineage import Model, models, published

LANDING = "landing"
_NEWEST = 500
"""Number of slots and segments that are read, newest first: three and a half days of slots."""


class Verdict(StrEnum):
    """Freshness of one layer."""

    EMPTY = "empty"
    FRESH = "fresh"
    LATE = "late"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Age:
    """Age of the newest data of one layer."""

    layer: str
    newest_event_at: datetime | None
    """Aware UTC; None while the layer is empty."""
    minutes: float | None
    warn_minutes: int
    fail_minutes: int
    devices: int = 0
    """Devices that were heard of recently."""
    fresh_devices: tuple[int, int] = (0, 0)
    """How many of them are fresh by `warn_minutes`, and by `fail_minutes`."""
    least_share: float = 0.0
    """Share of the devices that has to be fresh."""
    ahead: tuple[tuple[str, float], ...] = ()
    """Devices whose clock is ahead, with the minutes by which it is."""

    @property
    def verdict(self) -> Verdict:
        """Late after `warn_minutes`, stale after `fail_minutes`; a limit itself is still fine.

        The share of devices within a limit must reach `least_share`. Clocks that are ahead make a layer late.
        """
        if self.minutes is None:
            return Verdict.EMPTY
        warned, failed = (count < self.least_share * self.devices for count in self.fresh_devices)
        if self.minutes > self.fail_minutes or failed:
            return Verdict.STALE
        is_late = self.minutes > self.warn_minutes or warned or bool(self.ahead)
        return Verdict.LATE if is_late else Verdict.FRESH

    @property
    def sentence(self) -> str:
        """Text for a person."""
        if self.minutes is None:
            return "there is no data yet"
        text = f"the newest event is {self.minutes:.0f} minutes old"
        if self.devices:
            within = self.fail_minutes if self.verdict is Verdict.STALE else self.warn_minutes
            count = self.fresh_devices[1 if self.verdict is Verdict.STALE else 0]
            text += f", {count} of {self.devices} devices are fresh within {within} minutes"
        return text + (f"; clocks are ahead: {names(self.ahead)}" if self.ahead else "")


def ages(home: Home, site: Site, now: datetime) -> tuple[Age, ...]:
    """Compute the age of every layer of `site.freshness` at `now` (aware UTC)."""
    newest = newest_events(home, site, now)
    rule = site.freshness_devices
    with read_ledger(home) as ledger:
        devices = (
            Devices(to_micros(now), ()) if ledger is None else recent_devices(ledger, rule.heard_hours, to_micros(now))
        )
    found = []
    for layer, promise in site.freshness.items():
        at = newest.get(layer)
        until = None if at is None or layer == LANDING else to_micros(at)
        limits = (promise.warn_minutes, promise.fail_minutes)
        found.append(
            Age(
                layer,
                at,
                (now - at).total_seconds() / 60 if at else None,
                *limits,
                devices=len(devices.rows),
                fresh_devices=(devices.fresh(limits[0], until), devices.fresh(limits[1], until)),
                least_share=rule.share,
                ahead=devices.ahead if layer == LANDING else (),
            )
        )
    return tuple(found)


def newest_events(home: Home, site: Site, now: datetime | None = None) -> dict[str, datetime]:
    """Newest event time of each layer, aware UTC, to about a slot; layers without data are left out.

    None is later than its arrival; what arrived later than `now`, by a clock that was wrong, is left out.
    """
    with read_ledger(home) as ledger:
        if ledger is None:
            return {}
        landed = newest_event(ledger, _NEWEST, *(() if now is None else (to_micros(now),)))
        if landed is None:
            return {}
        slots = newest_slots(ledger, _NEWEST)
        known = models(site.warehouse.large_piece)
        layers = {layer: known.get(layer, known[published("readings_clean")]) for layer in site.freshness}
        slot = site.slot_minutes * MINUTE
        newest = {layer: _newest_slot(ledger, model, slots, slot) for layer, model in layers.items()}
    ends = {layer: min(start + slot, landed) for layer, start in newest.items() if start is not None}
    return {layer: datetime.fromtimestamp(end / 1e6, UTC) for layer, end in (ends | {LANDING: landed}).items()}


def _newest_slot(ledger: sqlite3.Connection, model: Model, slots: Sequence[tuple[int, int]], slot: int) -> int | None:
    """Start of the newest slot that the model was built with."""
    current = generation(ledger)
    for start, position in slots:
        built = built_position(ledger, model.name, model.floor(start, slot), current)
        if built is not None and built >= position:
            return start
    return None
