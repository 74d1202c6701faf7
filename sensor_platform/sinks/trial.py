"""Test notifications: straight through each channel, so that a person sees at once what works."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from sensor_platform.alert.compose import notification_of
from sensor_platform.alert.config import AlertConfig
from sensor_platform.errors import PlatformError, WrongUse
from sensor_platform.kernel.clock import now_micros
from sensor_platform.sinks.channels import Unsent, sender_of
from sensor_platform.stream.alert_state import Event
from sensor_platform.stream.rules import Threshold

_CONNECT_SECONDS = 5.0


def send_tests(
    config: AlertConfig,
    only: str,
    site: str,
    variables: Mapping[str, str],
    link: Any,  # noqa: ANN401 - serve's Link, a room further on
    kafka: Callable[[], Any],
) -> Iterator[tuple[str, str]]:
    """Send one notification through each channel, or `only` one; yields its name and the error, empty for none.

    Raises:
        WrongUse: there is no such channel.
    """
    if only and only not in config.channels:
        known = ", ".join(config.channels) or "none"
        raise WrongUse(f"there is no channel {only!r}", f"rules.yaml has {known}")
    for name, channel in config.channels.items():
        if only in {"", name}:
            yield name, _try(name, channel, site, variables, link, kafka)


def _try(name: str, channel: Any, site: str, variables: Mapping[str, str], link: Any, kafka: Callable[[], Any]) -> str:  # noqa: ANN401
    if channel.mqtt:
        link.start()
        end = time.monotonic() + _CONNECT_SECONDS
        while not link.is_connected and time.monotonic() < end:
            time.sleep(0.05)
    try:
        sender = sender_of(name, channel, variables, link.publish, kafka)
        sender.send([trial_notification(site)])
    except (Unsent, PlatformError) as error:
        return str(error).splitlines()[0]
    return ""


def trial_notification(site: str) -> bytes:
    """A notification that says that it is a test."""
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
