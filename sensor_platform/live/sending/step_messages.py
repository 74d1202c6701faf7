"""Messages of an engine step: notifications, local commands, output streams and prediction requests.

They depend on the step and its result only: a step that is run again gives the same messages with the same keys.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from sensor_platform.alert.compose import messages_for, notification_of
from sensor_platform.alert.config import AlertConfig
from sensor_platform.alert.store import Outgoing
from sensor_platform.live.config import LiveConfig
from sensor_platform.live.engine.step import Step, StepResult
from sensor_platform.live.sending.output_streams import OutputStreams, tags_of
from sensor_platform.live.sending.prediction_triggers import Triggers
from sensor_platform.stream.alert_state import Event
from sensor_platform.stream.engine import Engine

_WITH_LINK = {"fired", "escalated", "reminder", "unmuted"}


@dataclass(slots=True)
class StepMessages:
    """Makes the messages of one site. Belongs to the engine's thread."""

    alerts: AlertConfig
    live: LiveConfig
    site: str
    """Name of the site."""
    link: Callable[[str], str]
    """Returns a signed link by which a person can answer an alert; empty if there are no links."""
    _streams: OutputStreams = field(init=False)
    _triggers: Triggers = field(init=False)

    def __post_init__(self) -> None:
        self._streams = OutputStreams(self.live.republish)
        self._triggers = Triggers(self.live.triggers)

    def tags(self, engine: Engine, event: Event) -> str:
        """Tags of the event's device, as JSON."""
        return msgspec.json.encode(tags_of(engine, event)).decode()

    def messages(
        self, engine: Engine, step: Step, seq: int, result: StepResult, told: Mapping[str, Sequence[str]]
    ) -> list[Outgoing]:
        """Messages for the outbox; `told` are the channels that earlier steps told of each alert."""
        known = {alert_id: list(channels) for alert_id, channels in told.items()}
        rules = {rule.name: rule for rule in self.alerts.rules}
        out: list[Outgoing] = []
        for event in result.events:
            rule = rules[event.rule]
            link = self.link(event.alert_id) if event.kind in _WITH_LINK else ""
            notification = notification_of(event, rule, tags_of(engine, event), self.site, link)
            channels = known.setdefault(event.alert_id, [])
            some = messages_for(event, notification, rule, self.alerts, step.now, channels)
            channels += [each.channel for each in some if each.alert_id and each.channel not in channels]
            out += some
        out += self._streams.messages(engine, step, seq, result)
        return out + self._triggers.requests(step, result, engine.index)
