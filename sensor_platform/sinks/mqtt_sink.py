"""Sink for MQTT: notifications, local commands and output streams, to the site's broker or the upstream one."""

from collections.abc import Sequence

from sensor_platform.errors import WrongUse
from sensor_platform.sinks.sink import Connections, Destination, MqttPublisher, SinkMessage


class MqttSink:
    """Publishes messages to their topics, over a connection that several sinks share."""

    def __init__(self, link: MqttPublisher) -> None:
        self._link = link

    def send(self, messages: Sequence[SinkMessage]) -> None:
        """Publish all of them and wait for their acknowledgements."""
        self._link.publish_all(messages)

    def is_up(self) -> bool:
        """Whether the broker is connected; it may be away for days. The first call starts to connect."""
        self._link.start()
        return self._link.is_connected

    def close(self) -> None:
        """Do nothing: the connection is shared."""


def make(destination: Destination, connections: Connections) -> MqttSink:
    """Make the sink of a destination with an MQTT topic.

    Raises:
        WrongUse: it is for the upstream broker, and none is configured.
    """
    link = connections.uplink if destination.is_uplink else connections.link
    if link is None:
        raise WrongUse(
            "site.yaml: live.republish has a stream to the uplink, and no upstream broker is set",
            "set SENSOR_PLATFORM_UPLINK_URL, for instance mqtts://user:password@centre.example.org",
        )
    return MqttSink(link)
