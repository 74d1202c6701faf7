"""Settings of the lander: limits of device clocks, retention of raw messages, thresholds of the quarantine check."""

import msgspec


class LandingConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Section `landing` of site.yaml."""

    max_future_seconds: int = 3600
    """A reading further ahead of its receive time than this is quarantined."""
    raw_keep_days: int = 7
    """Days that the raw archive is kept."""
    quarantine_hours: int = 24
    """Number of newest hours of arrival over which the share of quarantined messages is taken."""
    quarantine_warn_share: float = 0.01
    """The quarantine check warns above this share."""
    quarantine_fail_share: float = 0.1
    """The quarantine check fails above this share."""
