"""Section `live` of site.yaml."""

from typing import Literal

import msgspec

from sensor_platform.kernel.durations import duration
from sensor_platform.reading.names import topic_error
from sensor_platform.stream.config import EngineConfig


class Republish(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One stream that is published for others. Exactly one of `mqtt` and `kafka` names the topic."""

    what: Literal["windows", "alarms", "values", "predictions", "readings", "last_row"]
    mqtt: str = ""
    """Topic; {device}, {metric}, {window} and {rule} are filled in where the stream has them."""
    to: Literal["site", "uplink"] = "site"
    """Broker of `mqtt`: the site's own, or the one of SENSOR_PLATFORM_UPLINK_URL, which may be away for long."""
    kafka: str = ""
    devices: str = "*"
    """Glob of device ids; not for `last_row` and `predictions`,"""
    metric: str = "*"
    """and of metrics; for `windows`, `alarms` and `readings`."""
    window: str = ""
    """For `windows`: only this one, for instance `10s` or `1m/10s`; empty for all."""
    retain: bool = False
    every: str = "1m"
    """For `values` and `last_row`: once in so long."""
    tags: dict[str, str] = {}
    """For `last_row`: constant columns."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if bool(self.mqtt) == bool(self.kafka):
            raise ValueError("republish needs exactly one of mqtt and kafka")
        if self.to == "uplink" and not self.mqtt:
            raise ValueError("to: uplink needs a topic in mqtt")
        duration(self.every)


class Trigger(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A prediction per group as soon as all required metrics are there, at most once per interval."""

    name: str
    """Of the model, as `/api/predict/NAME` knows it."""
    group_by: str = "device"
    """`device`, or the name of a tag, for instance `plantId`."""
    required: tuple[str, ...]
    every: str = "1m"
    """All required metrics have a value within this window; one prediction per window and group."""
    inputs: dict[str, str] = {}
    """Name of the model's input to metric; the required metrics under their own names where empty."""
    defaults: dict[str, float] = {}
    """By input, where a metric has no value. A real 0 stays 0."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        duration(self.every)
        if not self.required:
            raise ValueError("required must name a metric")


class LiveConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Section `live` of site.yaml."""

    host: str = "127.0.0.1"
    """Any other address needs SENSOR_PLATFORM_LIVE_TOKEN."""
    port: int = 8420
    engine: EngineConfig = EngineConfig()
    republish: tuple[Republish, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    state_topic: str = ""
    """Topic filter of devices' last wills and states, for instance `devices/+/state`; + is the device id."""
    group_tag: str = "plant"
    """Tag of devices by which /metrics counts readings; devices without it are the group `default`."""
    kafka_servers: str = ""
    """bootstrap.servers, for channels and streams to Kafka (needs the extra `kafka`)."""
    most_clients: int = 50
    """WebSocket connections at once,"""
    most_clients_per_address: int = 20
    """and from one address."""
    most_body_bytes: int = 4_194_304
    """Largest request."""
    requests_per_second: int = 200
    """Of one address; beyond it the answer is 429."""
    ingest_topic: str = "ingest/http"
    """Topic of what comes by `POST /ingest` that names none: it chooses the contract."""
    page_per_second: int = 5
    """Updates that the page gets."""
    silent_after: str = "5m"
    """The page calls a device silent of which nothing has come for so long; an alarm about it needs a rule."""
    dagster_url: str = ""
    """Where Dagster's page is, for links."""
    public_url: str = ""
    """Where this page is for people, for the links in notifications; empty for none."""
    keep_hours: int = 24
    """Closed windows, sent messages and resolved alarms' events stay in the live store so long."""
    snapshot_seconds: int = 10

    def __post_init__(self) -> None:
        """Refuse what is no duration, and what is no topic."""
        duration(self.silent_after)
        if reason := topic_error(self.ingest_topic):
            raise ValueError(f"ingest_topic: {reason}")
