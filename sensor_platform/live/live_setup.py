"""Everything that a live process is configured with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from sensor_platform.alert.config import AlertConfig
from sensor_platform.collect.config import Broker, CollectConfig
from sensor_platform.home import Home
from sensor_platform.kernel.clock import SECOND, start_of_day
from sensor_platform.landing.config import LandingConfig
from sensor_platform.landing.device_freshness import DEFAULT_LIMITS, FreshnessLimits
from sensor_platform.live.config import LiveConfig
from sensor_platform.reading.batch import TimeLimits
from sensor_platform.reading.contract import Contract
from sensor_platform.versions.reports import Reloading


@dataclass(frozen=True, slots=True)
class LiveSetup:
    """The settings of a live process."""

    home: Home
    site: str
    """Name of the site."""
    start: date
    """First UTC day; earlier readings are rejected."""
    slot_minutes: int
    collect: CollectConfig
    landing: LandingConfig
    live: LiveConfig
    alerts: AlertConfig
    contracts: Sequence[Contract]
    catalog: Path | None
    """Folder of the catalog; None if there is none."""
    broker: Broker
    uplink: Broker | None
    """The upstream broker, for streams `to: uplink`; None if there is none."""
    token: str
    """That requests need; empty for none."""
    variables: Mapping[str, str]
    """Values for `${NAME}` in URLs of channels."""
    freshness: FreshnessLimits = DEFAULT_LIMITS
    """What `/readyz` asks of the devices."""
    site_folder: Path | None = None
    """What the versions in force are compared with; None for the default site."""
    reloading: Reloading["LiveSetup"] | None = field(default=None, compare=False)
    """How the settings are followed; None if they stay."""

    @property
    def limits(self) -> TimeLimits:
        """Bounds of valid event times."""
        return TimeLimits(
            start=start_of_day(self.start),
            max_future=self.landing.max_future_seconds * SECOND,
        )
