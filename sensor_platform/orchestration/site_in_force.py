"""The settings of Dagster's processes: read for each tick and each run, except what the definitions hold.

`LOADED` are the settings when the code location was loaded. Only definitions use them: the first partition, cron
expressions, intervals and freshness policies. A change of these waits until the code location is loaded again.
"""

import logging
import threading
import time
from collections.abc import Callable

from sensor_platform.reload.site_watch import LOOK_SECONDS, SiteWatch
from sensor_platform.settings import Settings
from sensor_platform.site import Site
from sensor_platform.versions.reports import FixedKey
from sensor_platform.warehouse.meta import Freshness

log = logging.getLogger(__name__)
_WATCH = SiteWatch("dagster", keeps_grid=True, copies_at_start=False)
_LOCK = threading.Lock()
_FOLLOWERS: list[threading.Thread] = []
LOADED = _WATCH.settings
RELOAD = "reload the code location"
"""What a person has to do, in words; Dagster's page has a button of this name."""
_HINT = f"{RELOAD} on Dagster's page (Deployment), or start Dagster again"
_CRONS = ("sensor_seconds", "fallback_minutes", "train_cron", "watch_cron", "upkeep_cron", "verify_cron")


def settings_now() -> Settings:
    """The settings in force, for one tick. Looks at the files at most once a second, and writes the report.

    From the first tick on, a thread looks too: between two ticks there may be several seconds.
    """
    with _LOCK:
        if not _FOLLOWERS:
            _FOLLOWERS.append(threading.Thread(target=_follow, name="site files", daemon=True))
            _FOLLOWERS[0].start()
    return _look()


def _follow() -> None:
    while True:
        time.sleep(LOOK_SECONDS)
        try:
            _look()
        except Exception:  # whatever is on the disk, the thread goes on
            log.exception("the site's files cannot be followed now")


def _look() -> Settings:
    with _LOCK:
        if _WATCH.look():
            _WATCH.more_fixed = keys_to_reload(LOADED.site, _WATCH.settings.site)
            _WATCH.applied()
        return _WATCH.settings


def settings_of_run() -> Settings:
    """The settings in force, for one run; waits up to two seconds for a file that is being written."""
    with _LOCK:
        _WATCH.reports = False
        _WATCH.settle()
        return _WATCH.settings


def has_changed(since: Settings) -> Callable[[], bool]:
    """Whether other settings than those of `settings_now` are in force; never for settings from elsewhere."""
    if since is not _WATCH.settings:
        return lambda: False
    return lambda: _look() is not since


def note_first_day(first: str, waiting: FixedKey | None) -> None:
    """Report the first partition, and the days before it that wait for a reload."""
    with _LOCK:
        keys = keys_to_reload(LOADED.site, _WATCH.settings.site)
        more = (*keys, waiting) if waiting else keys
        if (_WATCH.first_day, _WATCH.more_fixed) != (first, more):
            _WATCH.first_day, _WATCH.more_fixed = first, more
            _WATCH.report()


def keys_to_reload(loaded: Site, now: Site) -> tuple[FixedKey, ...]:
    """Keys whose loaded value is not the one in force."""
    pairs = [(f"runs.{name}", getattr(loaded.runs, name), getattr(now.runs, name)) for name in _CRONS]
    for layer, promise in now.freshness.items():
        was = loaded.freshness[layer]
        pairs.append((f"freshness.{layer}", _minutes(was), _minutes(promise)))
    return tuple(waits(key, was, wanted) for key, was, wanted in pairs if was != wanted)


def waits(key: str, in_force: object, on_disk: object) -> FixedKey:
    """A key whose value waits for a reload of the code location."""
    reason = "Dagster's definitions hold it since they were loaded"
    return FixedKey(key=key, in_force=str(in_force), on_disk=str(on_disk), reason=reason, hint=_HINT)


def _minutes(promise: Freshness) -> str:
    return f"{promise.warn_minutes}/{promise.fail_minutes} minutes"
