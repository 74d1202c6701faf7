"""Sink for people: mail, chat, SMS and webhooks, through apprise."""

from collections.abc import Sequence
from typing import Any

import msgspec

from sensor_platform.alert.compose import Notification
from sensor_platform.errors import WrongUse
from sensor_platform.sinks.sink import Connections, Destination, SinkMessage, Unsent


class AppriseSink:
    """Sends notifications to one apprise URL. A JSON webhook receives the notification itself, with its key."""

    def __init__(self, name: str, url: str, timeout: float) -> None:
        """Prepare the service of the URL; nothing is connected yet.

        Args:
            name: of the channel.
            url: of apprise, without `${NAME}`.
            timeout: in seconds.

        Raises:
            WrongUse: apprise does not know the URL.
        """
        import apprise

        self._name = name
        plugin = apprise.Apprise.instantiate(url, suppress_exceptions=True)
        if plugin is None:
            raise WrongUse(
                f"rules.yaml: apprise does not know the url of channel {name!r}",
                "see https://github.com/caronc/apprise/wiki for the form of each service",
            )
        self._plugin: Any = plugin
        self._plugin.socket_connect_timeout = timeout
        self._plugin.socket_read_timeout = timeout
        # apprise pauses between two messages (5.5 s for mail), which would delay urgent ones; `per_minute` limits here.
        self._plugin.request_rate_per_sec = 0

    def send(self, messages: Sequence[SinkMessage]) -> None:
        """Send one notification that contains all of them."""
        import apprise

        notifications = [msgspec.json.decode(message.payload, type=Notification) for message in messages]
        first = notifications[0]
        title = first.title if len(notifications) == 1 else f"{first.title} and {len(notifications) - 1} more"
        text = "\n\n".join(
            f"{each.title}\n{each.text}" if len(notifications) > 1 else each.text for each in notifications
        )
        kind = apprise.NotifyType.SUCCESS if first.kind == "resolved" else apprise.NotifyType.WARNING
        if first.kind != "resolved" and first.level == "critical":
            kind = apprise.NotifyType.FAILURE
        self._add_fields(notifications)
        try:
            is_sent = self._plugin.notify(body=text, title=title, notify_type=kind)
        except (OSError, TypeError, ValueError) as error:
            raise Unsent(f"{type(error).__name__}: {error}") from error
        if not is_sent:
            raise Unsent(f"the service of channel {self._name!r} did not accept the notification")

    def is_up(self) -> bool:
        """Return True: only an attempt shows whether the service can be reached."""
        return True

    def close(self) -> None:
        """Do nothing: no connection is kept open."""

    def _add_fields(self, notifications: Sequence[Notification]) -> None:
        if hasattr(self._plugin, "payload_extras"):
            fields = {name: value for name, value in msgspec.to_builtins(notifications[0]).items() if name != "title"}
            self._plugin.payload_extras = fields | {"keys": [each.key for each in notifications]}
            self._plugin.headers["Idempotency-Key"] = notifications[0].key


def make(destination: Destination, _connections: Connections) -> AppriseSink:
    """Make the sink of a channel with a URL."""
    return AppriseSink(destination.name, destination.address, destination.timeout_seconds)
