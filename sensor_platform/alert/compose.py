"""Converts an event to messages of the outbox: notifications by channel, and the local command of the rule."""

import re
from collections.abc import Mapping, Sequence

import msgspec

from sensor_platform.alert.config import AlertConfig
from sensor_platform.alert.store import Outgoing
from sensor_platform.alert.template import render_template
from sensor_platform.kernel.clock import utc_from_micros
from sensor_platform.kernel.durations import duration
from sensor_platform.stream.alert_state import Event
from sensor_platform.stream.rules import LEVELS, Level, Rule

COMMANDS = "(commands)"
"""Name of the outbox channel of local commands."""

_UNSAFE = re.compile(r"[/+#\x00-\x1f\x7f]")
_MOST = 256


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """One notification, as webhooks, MQTT and Kafka receive it."""

    key: str
    """Idempotency key: unchanged when a notification is sent again, so that receivers can drop it."""
    site: str
    kind: str
    """fired, escalated, eased, resolved, acknowledged or reminder; `failed` for a failed Dagster run."""
    alert_id: str
    rule: str
    level: str
    device_id: str
    metric: str
    value: float | None
    limit: str
    at: str
    """Event time, ISO 8601, UTC."""
    noticed_at: str
    runbook: str
    tags: dict[str, str]
    title: str
    text: str
    link: str = ""


class CommandMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A local command as it waits in the outbox."""

    topic: str
    payload: str
    retain: bool


def notification_of(event: Event, rule: Rule, tags: Mapping[str, str], site: str, link: str = "") -> Notification:
    """Compose the notification of an event.

    Args:
        event: the event.
        rule: its rule, with template and runbook.
        tags: tags of the device.
        site: name of the site.
        link: address for the answer of an operator; empty for none.
    """
    level = LEVELS[max(event.level, 1) - 1]
    kind = event.tells or event.kind
    at = _iso(event.at)
    value = "" if event.value is None else f"{event.value:g}"
    where = f"{event.device_id} {event.metric}".strip()
    words = {"rule": rule.name, "device": event.device_id, "metric": event.metric, "level": level}
    words |= {"limit": event.limit, "at": at, "runbook": rule.runbook, "site": site, "kind": kind}
    title = render_template(rule.message, words, event.value, tags) if rule.message else f"{rule.name}: {where}"
    lines = [
        f"{kind} ({level}) at {at}",
        f"{where}: {value} ({event.limit})" if value else f"{where} ({event.limit})",
    ]
    lines += [f"Runbook: {rule.runbook}"] if rule.runbook else []
    lines += [f"Answer: {link}"] if link else []
    return Notification(
        key=event.key,
        site=site,
        kind=kind,
        alert_id=event.alert_id,
        rule=rule.name,
        level=level,
        device_id=event.device_id,
        metric=event.metric,
        value=event.value,
        limit=event.limit,
        at=at,
        noticed_at=_iso(event.noticed_at),
        runbook=rule.runbook,
        tags=dict(tags),
        title=f"[{level.upper() if event.level else 'OK'}] {_shown(title)}" if not rule.message else _shown(title),
        text="\n".join(map(_shown, lines)),
        link=link,
    )


def messages_for(
    event: Event, notification: Notification, rule: Rule, config: AlertConfig, now: int, told: Sequence[str] = ()
) -> list[Outgoing]:
    """Return the outbox messages of an event: notifications unless it is suppressed, and always its local command.

    Args:
        event: the event.
        notification: of the event.
        rule: its rule.
        config: with the routes.
        now: microseconds.
        told: channels that were told of the alert before.
    """
    out: list[Outgoing] = []
    if not event.suppressed:
        body = msgspec.json.encode(notification)
        group = _group(rule, notification)
        wait = duration(rule.group_wait) if group else 0
        channels = _channels(event, channels_for(rule, event.level, notification.tags, config), told, config)
        out += [Outgoing(event.key, channel, body, now, now + wait, group, event.alert_id) for channel in channels]
    command = _command(event, rule)
    if command is not None:
        out.append(Outgoing(event.key, COMMANDS, msgspec.json.encode(command), now))
    return out


def _channels(event: Event, routed: Sequence[str], told: Sequence[str], config: AlertConfig) -> Sequence[str]:
    """Who hears of an event: a change goes also to all that were told before, and an end goes to them alone."""
    known = [name for name in told if name in config.channels]
    if event.kind == "reminder":
        return routed
    if event.kind in {"resolved", "acknowledged"} and told:
        return known
    return list(dict.fromkeys([*routed, *known]))


def channels_for(rule: Rule, level: int, tags: Mapping[str, str], config: AlertConfig) -> Sequence[str]:
    """Channels of an alert, each once: those of its rule, else those of the routes."""
    if rule.channels:
        return rule.channels
    return channels_by_routes(LEVELS[max(level, 1) - 1], tags, config)


def channels_by_routes(severity: Level, tags: Mapping[str, str], config: AlertConfig) -> Sequence[str]:
    """Channels that the site's routes name for a severity and for tags, each once."""
    found = [
        name
        for route in config.routes
        if route.severity in {None, severity} and route.tags.items() <= tags.items()
        for name in route.channels
    ]
    return list(dict.fromkeys(found))


def _command(event: Event, rule: Rule) -> CommandMessage | None:
    """The rule's local command if its level is reached. A name that would change the topic's levels gets no command."""
    wanted = rule.command
    if wanted is None or event.kind not in {"fired", "escalated"}:
        return None
    level = LEVELS.index(wanted.level) + 1
    if event.level < level or (event.kind == "escalated" and level == 1):
        return None
    if any(_UNSAFE.search(name) for name in (event.device_id, event.metric)):
        return None
    topic = wanted.topic.replace("{device}", event.device_id).replace("{metric}", event.metric)
    return CommandMessage(topic=topic, payload=wanted.payload, retain=wanted.retain)


def _group(rule: Rule, notification: Notification) -> str:
    if not rule.group_by:
        return ""
    value = {"rule": rule.name, "device": notification.device_id}.get(
        rule.group_by, notification.tags.get(rule.group_by, "")
    )
    return f"{rule.name}\0{value}"


def _shown(text: str) -> str:
    """The text in one line without control characters, of bounded length, because names come from devices."""
    clean = "".join(each if each.isprintable() else " " for each in text)
    return clean if len(clean) <= _MOST * 2 else f"{clean[: _MOST * 2]}..."


def _iso(at: int) -> str:
    return utc_from_micros(at).isoformat().replace("+00:00", "Z")
