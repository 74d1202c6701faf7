"""The connections of a live process to brokers, and how it makes a triggered prediction."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from sensor_platform.kernel.clock import utc_from_micros
from sensor_platform.live.live_setup import LiveSetup
from sensor_platform.live.requests.ingest import IngestWriter
from sensor_platform.live.requests.predictor import Predictor
from sensor_platform.live.sending.output_streams import PredictionStreams
from sensor_platform.reading.model import Envelope
from sensor_platform.sinks.kafka_sink import make_producer
from sensor_platform.sinks.mqtt_link import DeviceStates, MqttLink
from sensor_platform.sinks.sink import Connections, PredictionSteps

_STORE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class BrokerLinks:
    """MQTT connections, not started."""

    site: MqttLink
    uplink: MqttLink | None
    """To the upstream broker, which may be unreachable for days; None if there is none."""
    states: DeviceStates


def make_links(setup: LiveSetup) -> BrokerLinks:
    """Make the connections to the brokers of a site."""
    states = DeviceStates(setup.live.state_topic)
    client_id = f"{setup.collect.collector}-live-{secrets.token_hex(6)}"
    is_v5 = setup.collect.protocol == "5"
    return BrokerLinks(
        MqttLink(setup.broker, client_id, is_v5, states if states.topic else None),
        None if setup.uplink is None else MqttLink(setup.uplink, f"{client_id}-up", is_v5),
        states,
    )


def make_connections(setup: LiveSetup, links: BrokerLinks, predictions: PredictionSteps | None = None) -> Connections:
    """Describe what the sinks of a site send through.

    Args:
        setup: of the site.
        links: to its brokers.
        predictions: how a prediction is made; None in a process that makes none.
    """
    producer = partial(make_producer, setup.live.kafka_servers)
    return Connections(links.site, links.uplink, producer, setup.variables, predictions)


def prediction_steps(
    predictor: Predictor, ingest: IngestWriter, streams: PredictionStreams, clock: Callable[[], int]
) -> PredictionSteps:
    """Describe how a triggered prediction is made, stored by the ingest like any other message, and published."""

    def store(topic: str, payload: bytes) -> None:
        moment = utc_from_micros(clock())
        ingest.put([Envelope(topic, payload, moment, "", 0, session="live")], len(payload)).result(_STORE_SECONDS)

    return PredictionSteps(predictor.predict, store, streams.publish)
