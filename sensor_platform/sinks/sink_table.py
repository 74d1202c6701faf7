"""The kinds of sinks: from what the settings name to the sink that sends."""

from collections.abc import Callable
from dataclasses import replace

from sensor_platform.alert.config import Channel, fill_variables
from sensor_platform.sinks import apprise_sink, kafka_sink, mqtt_sink, prediction_sink
from sensor_platform.sinks.sink import Connections, Destination, Sink
from sensor_platform.sinks.sink_messages import notification_reader

SINKS: dict[str, Callable[[Destination, Connections], Sink]] = {
    "url": apprise_sink.make,
    "mqtt": mqtt_sink.make,
    "kafka": kafka_sink.make,
    "prediction": prediction_sink.make,
}
"""By the key that names the receiver in the settings of a channel or stream. `SCHEME://` is the key of a sink for
channel URLs with that scheme; apprise takes every other URL. A trigger has the kind `prediction`."""


def kind_of(settings: object) -> tuple[str, str]:
    """Find the kind of sink and the address in the settings of a channel or stream.

    Args:
        settings: an object with one field of SINKS that is not empty.
    """
    return next((kind, address) for kind in SINKS if (address := str(getattr(settings, kind, ""))))


def channel_destination(name: str, channel: Channel) -> Destination:
    """Describe where a notification channel of rules.yaml sends."""
    kind, address = kind_of(channel)
    return Destination(
        name=name,
        kind=kind,
        read=notification_reader(address if kind != "url" else "", retain=channel.retain),
        address=address,
        timeout_seconds=channel.timeout_seconds,
        per_minute=channel.per_minute,
        attempts=channel.attempts,
    )


def make_sink(destination: Destination, connections: Connections) -> Sink:
    """Make the sink of a destination.

    Raises:
        WrongUse: the address is not known, a secret is missing, or a connection is not configured.
    """
    kind = destination.kind
    if kind == "url":
        url = fill_variables(destination.address, connections.variables)
        destination = replace(destination, address=url)
        scheme = f"{url.partition('://')[0]}://"
        kind = scheme if scheme in SINKS else kind
    return SINKS[kind](destination, connections)
