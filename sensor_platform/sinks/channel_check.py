"""Test notifications: sent directly through each channel, so that a person sees at once which channels work."""

import time
from collections.abc import Iterator

import msgspec

from sensor_platform.alert.compose import notification_of
from sensor_platform.alert.config import AlertConfig
from sensor_platform.errors import PlatformError, WrongUse
from sensor_platform.kernel.clock import now_micros
from sensor_platform.sinks.sink import Connections, Destination, Unsent
from sensor_platform.sinks.sink_table import channel_destination, make_sink
from sensor_platform.stream.alert_state import Event
from sensor_platform.stream.rules import Threshold

_CONNECT_SECONDS = 5.0


def send_tests(config: AlertConfig, only: str, site: str, connections: Connections) -> Iterator[tuple[str, str]]:
    """Send one notification through each channel; yields the channel's name and the problem, empty if there was none.

    Args:
        config: of the site.
        only: the one channel to use; empty for all.
        site: name of the site.
        connections: started, to be stopped by the caller.

    Raises:
        WrongUse: there is no such channel.
    """
    if only and only not in config.channels:
        known = ", ".join(config.channels) or "none"
        raise WrongUse(f"there is no channel {only!r}", f"rules.yaml has {known}")
    for name, channel in config.channels.items():
        if only in {"", name}:
            yield name, _send_test(channel_destination(name, channel), site, connections)


def trial_notification(site: str) -> bytes:
    """Compose a notification that identifies itself as a test."""
    now = now_micros()
    rule = Threshold(name="test", metric="test", above=0.0)
    event = Event(
        alert_id=f"test-{now}",
        kind="fired",
        rule="test",
        device_id="test-device",
        metric="test",
        level=1,
        at=now,
        noticed_at=now,
        value=1.0,
        limit="this is a test of the channel",
    )
    return msgspec.json.encode(notification_of(event, rule, {}, site))


def _send_test(destination: Destination, site: str, connections: Connections) -> str:
    try:
        sink = make_sink(destination, connections)
        end = time.monotonic() + _CONNECT_SECONDS
        while not sink.is_up() and time.monotonic() < end:
            time.sleep(0.05)
        sink.send(destination.read(trial_notification(site)))
    except (Unsent, PlatformError) as error:
        return str(error).splitlines()[0]
    return ""
