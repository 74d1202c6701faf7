"""Notifications reach real receivers, through trouble: nothing lost, nothing doubled beyond what is promised."""

import email
import sqlite3
from contextlib import closing
from email.policy import default as policy
from pathlib import Path
from time import monotonic
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from sensor_platform.alert import store
from sensor_platform.alert.compose import COMMANDS, messages_for, notification_of
from sensor_platform.alert.config import AlertConfig, Channel, Route, fill_variables
from sensor_platform.errors import WrongUse
from sensor_platform.sinks.channels import KafkaSender, Sender, Unsent, sender_of, topic_of
from sensor_platform.sinks.dispatcher import Dispatcher, revive
from sensor_platform.sinks.trial import send_tests, trial_notification
from sensor_platform.stream.alert_state import Event
from sensor_platform.stream.rules import LocalCommand, Threshold
from sensor_platform_tests.landing.homes import T0
from sensor_platform_tests.live.receivers import Mail, hook, mail, wait_for


def _nobody(topic: str, payload: bytes, *, retain: bool) -> None:
    raise Unsent("no broker")


_LINK = SimpleNamespace(publish=_nobody)


def _sender(url: str, timeout: float = 0.5) -> Sender:
    return sender_of("hook", Channel(url=url, timeout_seconds=timeout), {}, _nobody, lambda: None)


def event(number: int = 0, **changes: Any) -> Event:
    made = Event(
        alert_id=f"alert{number}",
        kind="fired",
        rule="hot",
        device_id=f"dev{number}",
        metric="temp",
        level=2,
        at=T0,
        noticed_at=T0 + number,
        value=99.0,
        limit="above 80",
    )
    return msgspec.structs.replace(made, **changes)


RULE = Threshold(name="hot", metric="temp", above=80.0, runbook="cool it", severity="critical")


def _put(path: Path, events: list[Event], grouping: str = "", channel: str = "hook") -> None:
    with closing(store.connect(path)) as connection:
        notices = [msgspec.json.encode(notification_of(each, RULE, {"plant": "P1"}, "site")) for each in events]
        outgoing = [
            store.Outgoing(each.key, channel, body, T0, 0, grouping) for each, body in zip(events, notices, strict=True)
        ]
        store.store_outgoing(connection, outgoing)
        store.store_outgoing(connection, outgoing)  # done again after a kill: the keys keep it single


def _states(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [state for (state,) in connection.execute("select state from outbox order by id")]


def test_a_webhook_gets_every_notice_once_with_its_key(tmp_path: Path) -> None:
    path = tmp_path / "live.sqlite"
    events = [event(number) for number in range(20)]
    _put(path, events)
    with hook() as receiver:
        dispatcher = Dispatcher("hook", path, _sender(receiver.url), lambda: T0)
        dispatcher.start()
        wait_for(lambda: len(receiver.bodies) == 20)
        wait_for(lambda: _states(path) == ["sent"] * 20)
        dispatcher.stop()
        assert receiver.keys == [each.key for each in events]
        assert [found["Idempotency-Key"] for found in receiver.headers] == receiver.keys
        first = receiver.bodies[0]
        assert (first["device_id"], first["value"], first["level"], first["tags"]) == (
            "dev0",
            99.0,
            "critical",
            {"plant": "P1"},
        )
        assert "cool it" in first["message"]


@pytest.mark.parametrize("mood", ["refuses", "hangs"])
def test_a_receiver_in_trouble_loses_nothing_and_holds_up_no_other_channel(tmp_path: Path, mood: str) -> None:
    path = tmp_path / "live.sqlite"
    now = [T0]
    with hook() as bad, hook() as good:
        bad.mood = mood
        _put(path, [event(1), event(2)])
        _put(path, [event(3)], channel="other")
        waiting = Dispatcher("hook", path, _sender(bad.url), lambda: now[0])
        other = Dispatcher("other", path, _sender(good.url), lambda: now[0])
        waiting.start()
        other.start()
        wait_for(lambda: good.keys == [event(3).key])
        wait_for(lambda: waiting.failed >= 2)
        assert bad.keys == []
        bad.mood = "well"
        now[0] += 3600_000_000
        waiting.wake()
        wait_for(lambda: sorted(bad.keys) == sorted([event(1).key, event(2).key]))
        wait_for(lambda: _states(path) == ["sent"] * 3)
        waiting.stop()
        other.stop()


def test_after_so_many_tries_a_message_is_a_dead_letter_until_somebody_revives_it(tmp_path: Path) -> None:
    path = tmp_path / "live.sqlite"
    now = [T0]
    _put(path, [event()])
    with hook() as receiver, closing(store.connect(path)) as connection:
        receiver.mood = "refuses"
        dispatcher = Dispatcher("hook", path, _sender(receiver.url), lambda: now[0], attempts=3)
        pauses = []
        for _ in range(3):
            assert dispatcher.send_due(connection)
            assert not dispatcher.send_due(connection), "it must wait before the next try"
            (due,) = connection.execute("select not_before from outbox").fetchone()
            pauses.append((due - now[0]) // 1_000_000)
            now[0] = due
        assert pauses[:2] == [2, 4]
        assert _states(path) == ["dead"]
        receiver.mood = "well"
        assert revive(connection) == 1
        assert dispatcher.send_due(connection)
        assert receiver.keys == [event().key]


def test_the_rate_of_a_channel_is_kept_and_the_rest_waits(tmp_path: Path) -> None:
    path = tmp_path / "live.sqlite"
    _put(path, [event(number) for number in range(5)])
    with hook() as receiver, closing(store.connect(path)) as connection:
        dispatcher = Dispatcher("hook", path, _sender(receiver.url), lambda: T0, per_minute=2)
        assert [dispatcher.send_due(connection) for _ in range(4)] == [True, True, False, False]
        assert (len(receiver.bodies), _states(path).count("waiting")) == (2, 3)


def test_messages_of_a_group_are_sent_as_one(tmp_path: Path) -> None:
    path = tmp_path / "live.sqlite"
    _put(path, [event(number) for number in range(5)], grouping="hot\0P1")
    with hook() as receiver, closing(store.connect(path)) as connection:
        dispatcher = Dispatcher("hook", path, _sender(receiver.url), lambda: T0)
        assert dispatcher.send_due(connection)
        assert not dispatcher.send_due(connection)
        assert len(receiver.bodies) == 1
        assert receiver.keys == [event(number).key for number in range(5)]
        assert "and 4 more" in receiver.bodies[0]["title"]


def test_mail_waits_while_smtp_is_down_and_comes_once_when_it_is_back(tmp_path: Path) -> None:
    path = tmp_path / "live.sqlite"
    now = [T0]
    mail = Mail()
    _put(path, [event(device_id="<b>pump</b>\r\nBcc: x@example.org")])
    with closing(store.connect(path)) as connection:
        dispatcher = Dispatcher("hook", path, _sender(mail.url, timeout=2.0), lambda: now[0])
        for _ in range(60):  # an hour of trying, by the clock
            dispatcher.send_due(connection)
            now[0] += 60_000_000
        assert 5 < dispatcher.failed < 20, "again and again, with growing pauses, and not given up"
        assert (mail.letters, _states(path)) == ([], ["waiting"])
        mail.controller.start()
        try:
            now[0] += 600_000_000
            assert dispatcher.send_due(connection)
            assert not dispatcher.send_due(connection)
        finally:
            mail.controller.stop()
    assert _states(path) == ["sent"]
    (letter,) = mail.letters
    parsed = email.message_from_bytes(letter, policy=policy)
    assert parsed["To"] == "b@example.org"
    assert parsed["Bcc"] is None
    assert "critical" in parsed["Subject"].lower()


def test_kafka_takes_notices_keyed_by_device() -> None:
    kafka = pytest.importorskip("confluent_kafka")
    producer = kafka.Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "mock"})
    servers = next(iter(producer.list_topics(timeout=10).brokers.values()))
    address = f"{servers.host}:{servers.port}"
    sender = KafkaSender("alarms", lambda: kafka.Producer({"bootstrap.servers": address, "acks": "all"}))
    sender.send([trial_notification("site")])
    consumer = kafka.Consumer(
        {"bootstrap.servers": address, "group.id": "g", "auto.offset.reset": "earliest", "enable.auto.commit": False}
    )
    consumer.subscribe(["alarms"])
    try:
        message = wait_for(lambda: consumer.poll(0.2), 20)
        assert message.key() == b"test-device"
        assert msgspec.json.decode(message.value())["rule"] == "test"
    finally:
        consumer.close()


def test_send_test_says_of_each_channel_what_became_of_it() -> None:
    with hook() as good, hook() as bad:
        bad.mood = "refuses"
        config = AlertConfig(channels={"good": Channel(url=good.url), "bad": Channel(url=bad.url)})
        found = dict(send_tests(config, "", "site", {}, _LINK, lambda: None))
        assert found["good"] == ""
        assert "did not take it" in found["bad"]
        with pytest.raises(WrongUse, match="no channel 'x'"):
            dict(send_tests(config, "x", "site", {}, _LINK, lambda: None))


def test_routes_choose_by_severity_and_tags_and_suppressed_events_tell_nobody() -> None:
    channels = {name: Channel(mqtt=name) for name in ("mail", "sms", "north")}
    routes = (
        Route(severity="critical", channels=("mail", "sms")),
        Route(severity="warning", channels=("mail",)),
        Route(tags={"plant": "N"}, channels=("north",)),
    )
    config = AlertConfig(rules=(RULE,), channels=channels, routes=routes)

    def told(tags: dict[str, str], **changes: Any) -> list[str]:
        made = event(**changes)
        return [each.channel for each in messages_for(made, notification_of(made, RULE, tags, "s"), RULE, config, T0)]

    assert told({}) == ["mail", "sms"]
    assert told({}, level=1) == ["mail"]
    assert told({"plant": "N"}, level=1) == ["mail", "north"]
    assert told({}, suppressed="maintenance") == []


def test_a_command_goes_out_even_when_nobody_is_told_but_never_to_a_topic_that_a_device_chose() -> None:
    rule = Threshold(
        name="hot",
        metric="temp",
        above=80.0,
        command=LocalCommand(topic="cmd/{device}/stop", payload="1", level="critical"),
    )
    config = AlertConfig(rules=(rule,))

    def commands(**changes: Any) -> list[str]:
        made = event(**changes)
        out = messages_for(made, notification_of(made, rule, {}, "s"), rule, config, T0)
        return [msgspec.json.decode(each.body)["topic"] for each in out if each.channel == COMMANDS]

    assert commands() == ["cmd/dev0/stop"]
    assert commands(suppressed="flapping") == ["cmd/dev0/stop"]
    assert commands(level=1) == []
    assert commands(kind="resolved") == []
    for name in ("../x", "a/b", "#", "+", "x\n"):
        assert commands(device_id=name) == []


def test_names_cannot_leave_their_place_in_topics_templates_or_titles() -> None:
    assert topic_of("a/{device}/b", {"device": "x/../#+\0y" + "z" * 500}).count("/") == 2
    rule = Threshold(name="hot", metric="m", above=1.0, message="{device} {value} {tag_plant} {limit}")
    said = notification_of(event(device_id="{rule.__class__}\x1b[31m" + "x" * 9999), rule, {"plant": "{0.x}"}, "s")
    assert said.title.startswith("{rule.__class__} [31m")
    assert len(said.title) < 600
    with pytest.raises(ValueError, match="unknown"):
        AlertConfig(rules=(Threshold(name="x", metric="m", above=1.0, message="{device.__class__}"),))


@pytest.mark.parametrize(
    ("template", "value", "said"),
    [
        ("{device} at {value:.1f} of {limit}", 99.04, "dev0 at 99.0 of above 80"),
        ("{value}", 1234.5, "1234.5"),
        ("{value:.1f} {tag_plant:>3}|{tag_none}|", None, "  P1||"),
    ],
)
def test_a_template_formats_the_value_as_the_number_that_it_is(template: str, value: float | None, said: str) -> None:
    rule = Threshold(name="hot", metric="temp", above=80.0, message=template)
    AlertConfig(rules=(rule,))
    assert notification_of(event(value=value), rule, {"plant": "P1"}, "site").title.strip() == said.strip()


@pytest.mark.parametrize("template", ["{device:.1f}", "{value:x}", "{value.real}", "{tag_}", "{", "{value:{at}}", "{}"])
def test_a_template_that_would_fail_once_an_alarm_fires_is_refused_when_it_is_read(template: str) -> None:
    with pytest.raises(ValueError, match="message of rule 'hot'"):
        AlertConfig(rules=(Threshold(name="hot", metric="temp", above=80.0, message=template),))


def test_secrets_come_from_the_environment_and_a_missing_one_is_named() -> None:
    assert fill_variables("json://${USER_X}@h", {"USER_X": "me"}) == "json://me@h"
    with pytest.raises(WrongUse, match="NOT_SET"):
        fill_variables("json://${NOT_SET}@h", {})


def test_two_letters_do_not_wait_for_each_other(tmp_path: Path) -> None:
    path = tmp_path / "live.sqlite"
    _put(path, [event(0), event(1)])
    with mail() as server, closing(store.connect(path)) as connection:
        dispatcher = Dispatcher("hook", path, _sender(server.url, timeout=2.0), lambda: T0)
        started = monotonic()
        assert [dispatcher.send_due(connection) for _ in range(2)] == [True, True]
        assert monotonic() - started < 5.0, "apprise pauses 5.5 s between two letters unless it is told not to"
    assert len(server.letters) == 2
