"""Subscriptions change on a running connection: new filters first, and nothing changes where the broker refuses one."""

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from sensor_platform.collect.config import Broker, CollectConfig, Subscription
from sensor_platform.collect.mqtt.broker_connection import BrokerConnection, ConnectionSetup
from sensor_platform.collect.mqtt.session_record import load_record


class Client:
    """Stands in for paho: notes what is sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, tuple[str, ...]]] = []

    def subscribe(self, filters: list[Any]) -> tuple[int, int]:
        self.sent.append(("subscribe", tuple(topic for topic, _ in filters)))
        return 0, len(self.sent)

    def unsubscribe(self, topics: list[str]) -> None:
        self.sent.append(("unsubscribe", tuple(topics)))

    def publish(self, *_: object, **__: object) -> None: ...


class Rig:
    def __init__(self, folder: Path) -> None:
        self.client = Client()
        self.record = folder / "c.session"
        setup = ConnectionSetup(
            config=self.config(a=1, b=1),
            broker=Broker(),
            client_id="me",
            record_path=self.record,
            use_bulk_reading=True,
            new_session=lambda: "s1",
            clock=lambda: 0.0,
        )
        redelivery: Any = SimpleNamespace(session="s1", forget=lambda _: None)
        encoder: Any = SimpleNamespace(is_session_present=False)
        self.connection = BrokerConnection(setup, encoder, redelivery)
        self.connection._client = self.client  # type: ignore[assignment]
        self.connect()

    @staticmethod
    def config(**qos: Any) -> CollectConfig:
        return CollectConfig(subscriptions=tuple(Subscription(topic=topic, qos=each) for topic, each in qos.items()))

    def connect(self) -> None:
        accepted = ReasonCode(PacketTypes.CONNACK, "Success")
        flags: Any = SimpleNamespace(session_present=False)
        self.connection._on_connect(self.client, None, flags, accepted, None)  # type: ignore[arg-type]
        self.answer("Granted QoS 1", "Granted QoS 1")

    def answer(self, *words: str) -> None:
        reasons = [ReasonCode(PacketTypes.SUBACK, word) for word in words]
        self.connection._on_subscribe(self.client, None, len(self.client.sent), reasons, None)  # type: ignore[arg-type]

    def changing(self) -> bool:
        return self.connection.is_changing

    @property
    def is_refused(self) -> bool:
        return self.connection.refusal is not None

    @property
    def filters(self) -> Mapping[str, int]:
        record = load_record(self.record, "me")
        assert record is not None
        return record.filters


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def test_new_filters_are_confirmed_before_others_go_away(rig: Rig) -> None:
    assert rig.client.sent == [("subscribe", ("a", "b"))]
    rig.connection.resubscribe(rig.config(b=1, c=1))
    assert rig.client.sent[1:] == [("subscribe", ("c",))]
    assert set(rig.filters) == {"a", "b", "c"}, "recorded before the broker has it"
    assert rig.changing() is True
    rig.answer("Granted QoS 1")
    assert rig.client.sent[2:] == [("unsubscribe", ("a",))]
    assert rig.changing() is False
    assert rig.connection.is_subscribed


def test_a_refused_filter_leaves_the_subscriptions_as_they_were(rig: Rig) -> None:
    rig.connection.resubscribe(rig.config(b=0, c=1))
    rig.answer("Granted QoS 0", "Not authorized")
    assert rig.client.sent[2:] == [("unsubscribe", ("c",)), ("subscribe", ("b",))]
    assert "'c'" in str(rig.connection.refusal)
    assert rig.connection.problem is None
    assert rig.changing() is False
    rig.connection.resubscribe(rig.config(a=1))
    assert not rig.is_refused
    assert rig.client.sent[4:] == [("unsubscribe", ("b",))]


def test_without_a_connection_the_next_one_subscribes(rig: Rig) -> None:
    rig.connection.is_subscribed = False
    rig.connection.resubscribe(rig.config(c=1, d=1))
    assert rig.changing() is True
    rig.connect()
    assert rig.client.sent[-1] == ("subscribe", ("c", "d"))
    assert rig.changing() is False


def test_a_refusal_after_a_new_connection_brings_the_former_filters_back(rig: Rig) -> None:
    rig.connection.is_subscribed = False
    rig.connection.resubscribe(rig.config(c=1, d=1))
    accepted: Any = ReasonCode(PacketTypes.CONNACK, "Success")
    flags: Any = SimpleNamespace(session_present=True)
    rig.connection._on_connect(rig.client, None, flags, accepted, None)  # type: ignore[arg-type]
    rig.answer("Granted QoS 1", "Not authorized")
    assert rig.connection.refusal is not None
    rig.connection.problem = None
    rig.connect()
    assert rig.client.sent[-1] == ("subscribe", ("a", "b"))
