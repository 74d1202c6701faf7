"""Keys that a running process does not change: it goes on with the old value and names them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from sensor_platform.site import Site
from sensor_platform.versions.reports import FixedKey


@dataclass(frozen=True, slots=True)
class _Fixed:
    key: str
    processes: frozenset[str]
    """Where the value is used; empty for every process."""
    read: Callable[[Site], Any]
    write: Callable[[Site, Any], Site]
    reason: str
    hint: str


def _with_collector(site: Site, value: Any) -> Site:  # noqa: ANN401 - the value of any key
    return replace(site, collect=replace(site.collect, collector=value))


def _with_live(name: str) -> Callable[[Site, Any], Site]:
    return lambda site, value: replace(site, live=replace(site.live, **{name: value}))


_LISTENS = "a running process does not move to another address"
_FIXED = (
    _Fixed(
        "slot_minutes",
        frozenset(),
        lambda site: site.slot_minutes,
        lambda site, value: replace(site, slot_minutes=value),
        "ledger and tables of a data folder lie on one grid",
        "set slot_minutes back; another length needs a new data folder",
    ),
    _Fixed(
        "collect.collector",
        frozenset({"collector", "live"}),
        lambda site: site.collect.collector,
        _with_collector,
        "segments and the session at the broker carry this name",
        "set collect.collector back, or start collect and live again",
    ),
    *(
        _Fixed(
            f"live.{name}",
            frozenset({"live"}),
            lambda site, name=name: getattr(site.live, name),  # type: ignore[misc]
            _with_live(name),
            _LISTENS,
            f"set live.{name} back, or start live again",
        )
        for name in ("host", "port")
    ),
)


def keep_fixed(process: str, site: Site, in_force: Site) -> tuple[Site, tuple[FixedKey, ...]]:
    """A changed site with the fixed keys of the one in force; second, the keys that differ.

    Args:
        process: name of the process.
        site: as it is on the disk.
        in_force: that the process has.
    """
    differing = []
    for each in _FIXED:
        was, wanted = each.read(in_force), each.read(site)
        if was == wanted or (each.processes and process not in each.processes):
            continue
        site = each.write(site, was)
        differing.append(
            FixedKey(key=each.key, in_force=str(was), on_disk=str(wanted), reason=each.reason, hint=each.hint)
        )
    return site, tuple(differing)
