"""Section `live` of site.yaml."""

from typing import Literal

import msgspec

from sensor_platform.kernel.durations import duration
from sensor_platform.reading.names import topic_error
from sensor_platform.stream.config import EngineConfig


class OutputStream(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One stream that is published for other systems. Exactly one of `mqtt` and `kafka` names the topic."""

    what: Literal["windows", "alarms", "values", "predictions", "readings", "last_row"]
    mqtt: str = ""
    """Topic; {device}, {metric}, {window} and {rule} are filled in if the stream has them."""
    to: Literal["site", "uplink"] = "site"
    """Broker of `mqtt`: the site's own, or the one of SENSOR_PLATFORM_UPLINK_URL, which may be unreachable for days."""
    kafka: str = ""
    """Topic; the key of a message is its device."""
    devices: str = "*"
    """Glob of device ids; not used by `last_row` and `predictions`."""
    metric: str = "*"
    """Glob of metrics; used by `windows`, `alarms` and `readings`."""
    window: str = ""
    """For `windows`: the one window to publish, for instance `10s` or `1m/10s`; empty for all."""
    retain: bool = False
    """Whether the MQTT broker keeps the newest message of each topic."""
    every: str = "1m"
    """For `values` and `last_row`: interval between two messages."""
    tags: dict[str, str] = {}
    """For `last_row`: constant columns."""

    def __post_init__(self) -> None:
        """Refuse settings that cannot work."""
        if bool(self.mqtt) == bool(self.kafka):
            raise ValueError("republish needs exactly one of mqtt and kafka")
        if self.to == "uplink" and not self.mqtt:
            raise ValueError("to: uplink needs a topic in mqtt")
        duration(self.every)


class Trigger(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A prediction per group as soon as all required metrics have a value, at most once per interval."""

    name: str
    """Name of the model, as in `/api/predict/NAME`."""
    group_by: str = "device"
    """`device`, or the name of a tag, for instance `plantId`."""
    required: tuple[str, ...]
    """Metrics that must have a value."""
    every: str = "1m"
    """Length of the interval: all required metrics have a value within it, and it gets one prediction per group."""
    inputs: dict[str, str] = {}
    """Metric of each input of the model; empty if the inputs are the required metrics under their own names."""
    defaults: dict[str, float] = {}
    """Value of an input whose metric has no value. A measured 0 stays 0."""

    def __post_init__(self) -> None:
        """Refuse settings that cannot work."""
        duration(self.every)
        if not self.required:
            raise ValueError("required must name a metric")


class LiveConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Section `live` of site.yaml."""

    host: str = "127.0.0.1"
    """Any other address needs SENSOR_PLATFORM_LIVE_TOKEN."""
    port: int = 8420
    engine: EngineConfig = EngineConfig()
    republish: tuple[OutputStream, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    state_topic: str = ""
    """Topic filter of the devices' states and last wills, for instance `devices/+/state`; + is the device id."""
    group_tag: str = "plant"
    """Tag of devices by which /metrics counts readings; devices without it are in the group `default`."""
    kafka_servers: str = ""
    """bootstrap.servers, for channels and streams to Kafka (needs the extra `kafka`)."""
    most_clients: int = 50
    """Maximum number of WebSocket connections."""
    most_clients_per_address: int = 20
    """Maximum number of WebSocket connections from one address."""
    most_body_bytes: int = 4_194_304
    """Maximum size of a request."""
    requests_per_second: int = 200
    """Maximum rate of one address; beyond it the answer is 429."""
    ingest_topic: str = "ingest/http"
    """Topic of messages by `POST /ingest` without one; it determines the contract."""
    page_per_second: int = 5
    """Maximum rate of updates of the page."""
    silent_after: str = "5m"
    """Time without a message after which the page shows a device as silent; an alarm needs a rule."""
    dagster_url: str = ""
    """URL of Dagster's page, for links."""
    public_url: str = ""
    """URL of this page for people, for the links in notifications; empty for no links."""
    keep_hours: int = 24
    """How long closed windows and sent messages stay in the live store."""
    snapshot_seconds: int = 10
    """Minimum interval between two snapshots of the engine's state."""

    def __post_init__(self) -> None:
        """Refuse an invalid duration and an invalid topic."""
        duration(self.silent_after)
        if reason := topic_error(self.ingest_topic):
            raise ValueError(f"ingest_topic: {reason}")
