"""The site that a Telegraf configuration is converted to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sensor_platform.reading.contract import Contract

DEVICE_TAGS = (
    "device_id", "device", "device_name", "sensor_id", "sensor", "sensor_name", "machine", "node", "station", "host",
    "id", "name",
)  # fmt: skip
"""Tags that name a device, the likeliest first: Telegraf has no devices, only tags."""
MEASUREMENT = "measurement"


@dataclass(frozen=True, slots=True)
class Unmapped:
    """A setting without an equivalent, and the reason."""

    setting: str
    reason: str


@dataclass(slots=True)
class Notes:
    """Collects notes for a person on one plugin."""

    plugin: str
    found: list[Unmapped] = field(default_factory=list)

    def add(self, setting: str, reason: str) -> None:
        """Add a note on one setting of the plugin."""
        self.found.append(Unmapped(f"{self.plugin}.{setting}", reason))


@dataclass(slots=True)
class TelegrafSite:
    """The converted parts of the site."""

    subscriptions: list[dict[str, Any]] = field(default_factory=list)
    collect: dict[str, Any] = field(default_factory=dict)
    """Other keys of section `collect`."""
    contracts: list[Contract] = field(default_factory=list)
    """Contracts in order of precedence."""
    environment: dict[str, str] = field(default_factory=dict)
    """Variables to set; passwords are not among them."""
    unmapped: list[Unmapped] = field(default_factory=list)


def time_of(
    key: str | None, form: str | None, timezone: str | None, setting: str, notes: Notes
) -> dict[str, Any] | None:
    """A contract's `time` from Telegraf's names for it.

    Args:
        key: field of the time.
        form: `unix`, `unix_ms`, ... or a layout of Go's.
        timezone: of times without a zone.
        setting: what to call the format in a note.
        notes: of the plugin.
    """
    if key is None:
        return None
    time: dict[str, Any] = {"field": [key]}
    epochs = {"unix": "s", "unix_ms": "ms", "unix_us": "us", "unix_ns": "ns"}
    if form in epochs:
        time["format"] = epochs[form]
    elif form is not None and (form.startswith(("2006-01-02", "rfc3339", "RFC3339", "ISO8601")) or form == "iso8601"):
        time["format"] = "iso"
    elif form is not None:
        notes.add(setting, f"the layout {form!r} is not read; send ISO 8601 or epoch time")
    if timezone == "Local":
        notes.add(setting, "the time zone of Telegraf's machine is not known here; set `time.timezone`")
    elif timezone:
        time["timezone"] = timezone
    return time


def known_device(tags: Mapping[str, Any]) -> str | None:
    """The tag that most likely names the device."""
    return next((name for name in DEVICE_TAGS if name in tags), None)
