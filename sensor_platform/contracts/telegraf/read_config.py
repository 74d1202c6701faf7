"""Reads a telegraf.conf and makes a site of its mqtt_consumer plugins."""

import re
import tomllib
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from sensor_platform.contracts.telegraf.converted_site import Notes, TelegrafSite, Unmapped, known_device
from sensor_platform.contracts.telegraf.formats import format_changes
from sensor_platform.contracts.telegraf.topics import topic_changes
from sensor_platform.errors import WrongUse
from sensor_platform.reading.contract import Contract
from sensor_platform.reading.names import topic_matches

_SCHEMES = {"tcp": "mqtt", "mqtt": "mqtt", "ssl": "mqtts", "tls": "mqtts", "mqtts": "mqtts"}
_NEEDLESS = {
    "persistent_session": "sessions are always persistent here",
    "client_id": "made once for each data folder",
    "max_undelivered_messages": "messages are acknowledged after they are on disk, however many",
    "connection_timeout": "connections are retried until they succeed",
    "insecure_skip_verify": "certificates are always checked; name the CA in SENSOR_PLATFORM_BROKER_CA_FILE",
    "topic_tag": "every reading has its topic, in the column `topic`",
    "password": "put it into SENSOR_PLATFORM_BROKER_URL; it has no place in a file of the site",
}
_USED = {
    "servers", "topics", "qos", "username", "tls_ca", "tls_cert", "tls_key", "keepalive", "protocol", "data_format",
    "data_type", "tag_keys", "topic_parsing", "tags", "name_override", "fieldexclude", "fielddrop", "json_v2",
}  # fmt: skip
_FORMAT_KEYS = re.compile(r"(json|csv|influx)_")


def read_telegraf(text: str) -> TelegrafSite:
    """The site that a configuration describes.

    Raises:
        WrongUse: it is not TOML, or has no mqtt_consumer.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise WrongUse(f"not a Telegraf configuration: {error}", "check the file; it must be TOML") from error
    plugins = _tables(content.get("inputs", {}).get("mqtt_consumer"))
    if not plugins:
        raise WrongUse("there is no [[inputs.mqtt_consumer]] in it", "only this plugin can be imported")
    site = TelegrafSite()
    pivot = _pivot(content, site)
    servers = {str(server) for plugin in plugins for server in plugin.get("servers", ())[:1]}
    if len(servers) > 1:
        site.unmapped.append(
            Unmapped("servers", f"one collector reads one broker; {len(servers)} are named, use a site each")
        )
    for number, plugin in enumerate(plugins, 1):
        notes = Notes("inputs.mqtt_consumer" if len(plugins) == 1 else f"inputs.mqtt_consumer[{number}]")
        _plugin(plugin, number, pivot, site, notes)
        site.unmapped.extend(dict.fromkeys(notes.found))
    _drop_overlapping(site)
    return site


def _plugin(plugin: Mapping[str, Any], number: int, pivot: str | None, site: TelegrafSite, notes: Notes) -> None:
    _server(plugin, site, notes)
    qos = int(plugin.get("qos", 0))
    if qos == 0:
        notes.add("qos", "QoS 0 is kept; it may lose messages before they reach us, 1 does not")
    topics = [str(topic) for topic in plugin.get("topics", ())]
    site.subscriptions.extend({"topic": _unshared(topic, notes), "qos": qos} for topic in topics)
    for setting in plugin:
        if setting in _NEEDLESS:
            notes.add(setting, _NEEDLESS[setting])
        elif setting not in _USED and not _FORMAT_KEYS.match(setting):
            notes.add(setting, "is not known here")
    changes = format_changes(plugin, notes)
    if changes is None:
        return
    for place, parsing in enumerate(_tables(plugin.get("topic_parsing")), 1):
        name = f"telegraf-{number}-parsed-{place}"
        _contract(name, parsing["topic"], topic_changes(parsing, changes, pivot, notes), site, notes)
    for place, topic in enumerate(topics, 1):
        _contract(f"telegraf-{number}-{place}", _unshared(topic, None), _by_topic(topic, changes), site, notes)


def _by_topic(topic: str, changes: dict[str, Any]) -> dict[str, Any]:
    """Without topic parsing: the device from a tag that names one, else from the topic."""
    if "device" in changes:
        return changes
    if changes["encoding"] == "plain":
        levels = topic.split("/")
        is_deep = len(levels) > 1 or levels[0] == "#"
        return changes | {"metric": {"topic_level": -1}, "device": {"topic_level": -2 if is_deep else -1}}
    tag = known_device(changes["tags"])
    source = changes["tags"][tag] if tag else {"field": list(_default_device())}
    return changes | {"device": {**source, "topic_level": -1}}


def _default_device() -> tuple[str, ...]:
    return Contract(name="default", topic="#").device.field


def _contract(name: str, topic: str, changes: dict[str, Any], site: TelegrafSite, notes: Notes) -> None:
    kept = {key: value for key, value in changes.items() if value not in ({}, [])}
    try:
        site.contracts.append(msgspec.convert({"name": name, "topic": topic, **kept}, Contract))
    except msgspec.ValidationError as error:
        notes.add("topics", f"{topic!r} has no contract: {error}")


def _server(plugin: Mapping[str, Any], site: TelegrafSite, notes: Notes) -> None:
    servers = plugin.get("servers", [])
    if not servers:
        return
    if len(servers) > 1:
        notes.add("servers", "only the first is used: a collector reads one broker")
    parts = urlsplit(servers[0] if "://" in servers[0] else f"tcp://{servers[0]}")
    if parts.scheme not in _SCHEMES:
        notes.add("servers", f"{parts.scheme}:// is not spoken; use the broker's mqtt or mqtts port")
        return
    user = f"{plugin['username']}:PASSWORD@" if plugin.get("username") else ""
    port = f":{parts.port}" if parts.port else ""
    site.environment["SENSOR_PLATFORM_BROKER_URL"] = f"{_SCHEMES[parts.scheme]}://{user}{parts.hostname}{port}"
    for key, variable in (("tls_ca", "CA_FILE"), ("tls_cert", "CERT_FILE"), ("tls_key", "KEY_FILE")):
        if plugin.get(key):
            site.environment[f"SENSOR_PLATFORM_BROKER_{variable}"] = str(plugin[key])
    if plugin.get("protocol") in {"5", "3.1.1"}:
        site.collect["protocol"] = plugin["protocol"]
    if match := re.fullmatch(r"(\d+)s", str(plugin.get("keepalive", ""))):
        site.collect["keepalive_seconds"] = int(match[1])


def _unshared(topic: str, notes: Notes | None) -> str:
    """A shared subscription as a plain one."""
    match = re.fullmatch(r"\$share/[^/]+/(.+)", topic)
    if match is None:
        return topic
    if notes is not None:
        notes.add("topics", f"{topic!r}: shared subscriptions are not used, one collector reads all")
    return match[1]


def _drop_overlapping(site: TelegrafSite) -> None:
    """Filters that another one covers: overlapping subscriptions would bring messages twice."""
    kept: list[dict[str, Any]] = []
    for one in sorted(site.subscriptions, key=lambda found: (found["topic"].count("/"), found["topic"] != "#")):
        if not any(topic_matches(other["topic"], one["topic"]) for other in kept):
            kept.append(one)
    site.subscriptions = [
        one for number, one in enumerate(site.subscriptions) if one in kept and one not in site.subscriptions[:number]
    ]


def _pivot(content: Mapping[str, Any], site: TelegrafSite) -> str | None:
    """The tag that names the field, by processors.pivot; every plugin other than mqtt_consumer is listed."""
    pivot: str | None = None
    for kind in ("inputs", "outputs", "processors", "aggregators"):
        for name, tables in content.get(kind, {}).items():
            if kind == "processors" and name == "pivot" and pivot is None:
                pivot = str(_tables(tables)[0].get("tag_key"))
            elif (kind, name) != ("inputs", "mqtt_consumer"):
                site.unmapped.append(
                    Unmapped(f"{kind}.{name}", "only inputs.mqtt_consumer and processors.pivot are read")
                )
    return pivot


def _tables(found: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - TOML
    if found is None:
        return []
    return list(found) if isinstance(found, list) else [found]
