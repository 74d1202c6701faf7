"""Notifications reach real receivers through failures: none is lost, and none is doubled beyond what is promised."""

import email
from contextlib import closing
from email.policy import default as policy
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from sensor_platform.alert import store
from sensor_platform.alert.compose import notification_of
from sensor_platform.alert.outbox import requeue_dead_letters
from sensor_platform.kernel.clock import DAY, HOUR, SECOND
from sensor_platform_tests.landing.homes import T0
from sensor_platform_tests.live.receivers import Mail, hook, mail
from sensor_platform_tests.sinks.channels import RULE, event, put_out, states, webhook_dispatcher
from sensor_platform_tests.waiting import wait_for


def test_a_webhook_gets_every_notice_once_with_its_key(tmp_path: Path) -> None:
    path = tmp_path / "live.sqlite"
    events = [event(number) for number in range(20)]
    put_out(path, events)
    with hook() as receiver:
        dispatcher = webhook_dispatcher(receiver.url, path, lambda: T0)
        dispatcher.start()
        wait_for(lambda: len(receiver.bodies) == 20)
        wait_for(lambda: states(path) == ["sent"] * 20)
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
        put_out(path, [event(1), event(2)])
        put_out(path, [event(3)], channel="other")
        waiting = webhook_dispatcher(bad.url, path, lambda: now[0])
        other = webhook_dispatcher(good.url, path, lambda: now[0], name="other")
        waiting.start()
        other.start()
        wait_for(lambda: good.keys == [event(3).key])
        wait_for(lambda: waiting.failed >= 2)
        assert bad.keys == []
        bad.mood = "well"
        now[0] += 3600_000_000
        waiting.wake()
        wait_for(lambda: sorted(bad.keys) == sorted([event(1).key, event(2).key]))
        wait_for(lambda: states(path) == ["sent"] * 3)
        waiting.stop()
        other.stop()


def test_after_so_many_tries_a_message_is_a_dead_letter_until_somebody_revives_it(tmp_path: Path) -> None:
    path = tmp_path / "live.sqlite"
    now = [T0]
    put_out(path, [event()])
    with hook() as receiver, closing(store.connect(path)) as connection:
        receiver.mood = "refuses"
        dispatcher = webhook_dispatcher(receiver.url, path, lambda: now[0], attempts=3)
        pauses = []
        for _ in range(3):
            assert dispatcher.send_due(connection)
            assert not dispatcher.send_due(connection), "it must wait before the next try"
            (due,) = connection.execute("select not_before from outbox").fetchone()
            pauses.append((due - now[0]) // 1_000_000)
            now[0] = due
        assert pauses[:2] == [2, 4]
        assert states(path) == ["dead"]
        receiver.mood = "well"
        assert requeue_dead_letters(connection) == 1
        assert dispatcher.send_due(connection)
        assert receiver.keys == [event().key]


def test_the_rate_of_a_channel_is_kept_and_the_rest_waits(tmp_path: Path) -> None:
    path = tmp_path / "live.sqlite"
    put_out(path, [event(number) for number in range(5)])
    with hook() as receiver, closing(store.connect(path)) as connection:
        dispatcher = webhook_dispatcher(receiver.url, path, lambda: T0, per_minute=2)
        assert [dispatcher.send_due(connection) for _ in range(4)] == [True, True, False, False]
        assert (len(receiver.bodies), states(path).count("waiting")) == (2, 3)


def test_messages_of_a_group_are_sent_as_one(tmp_path: Path) -> None:
    path = tmp_path / "live.sqlite"
    put_out(path, [event(number) for number in range(5)], grouping="hot\0P1")
    with hook() as receiver, closing(store.connect(path)) as connection:
        dispatcher = webhook_dispatcher(receiver.url, path, lambda: T0)
        assert dispatcher.send_due(connection)
        assert not dispatcher.send_due(connection)
        assert len(receiver.bodies) == 1
        assert receiver.keys == [event(number).key for number in range(5)]
        assert "and 4 more" in receiver.bodies[0]["title"]


def test_mail_waits_while_smtp_is_down_and_comes_once_when_it_is_back(tmp_path: Path) -> None:
    path = tmp_path / "live.sqlite"
    now = [T0]
    mail = Mail()
    put_out(path, [event(device_id="<b>pump</b>\r\nBcc: x@example.org")])
    with closing(store.connect(path)) as connection:
        dispatcher = webhook_dispatcher(mail.url, path, lambda: now[0], timeout=2.0)
        for _ in range(60):  # an hour of trying, by the clock
            dispatcher.send_due(connection)
            now[0] += 60_000_000
        assert 5 < dispatcher.failed < 20, "again and again, with growing pauses, and not given up"
        assert (mail.letters, states(path)) == ([], ["waiting"])
        mail.controller.start()
        try:
            now[0] += 600_000_000
            assert dispatcher.send_due(connection)
            assert not dispatcher.send_due(connection)
        finally:
            mail.controller.stop()
    assert states(path) == ["sent"]
    (letter,) = mail.letters
    parsed = email.message_from_bytes(letter, policy=policy)
    assert parsed["To"] == "b@example.org"
    assert parsed["Bcc"] is None
    assert "critical" in parsed["Subject"].lower()


def test_two_letters_do_not_wait_for_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    # apprise pauses 5.5 s between two letters by default
    monkeypatch.setattr("apprise.url.time", SimpleNamespace(sleep=pauses.append))
    path = tmp_path / "live.sqlite"
    put_out(path, [event(0), event(1)])
    with mail() as server, closing(store.connect(path)) as connection:
        dispatcher = webhook_dispatcher(server.url, path, lambda: T0, timeout=2.0)
        assert [dispatcher.send_due(connection) for _ in range(2)] == [True, True]
    assert (len(server.letters), pauses) == (2, [])


JUMPS = {"-1 day": -DAY, "+1 hour": HOUR, "+10 days": 10 * DAY, "+3 years": 1095 * DAY}


@pytest.mark.parametrize("jump", JUMPS)
def test_a_message_that_failed_by_a_wrong_clock_is_tried_again_when_it_is_right(tmp_path: Path, jump: str) -> None:
    path, now = tmp_path / "live.sqlite", [T0]
    put_out(path, [event()])
    with hook() as receiver, closing(store.connect(path)) as connection:
        receiver.mood = "refuses"
        dispatcher = webhook_dispatcher(receiver.url, path, lambda: now[0])
        now[0] = T0 + JUMPS[jump]
        assert dispatcher.send_due(connection)
        receiver.mood = "well"
        now[0] = T0 + 10 * SECOND
        assert dispatcher.send_due(connection)
        assert states(path) == ["sent"]


@pytest.mark.parametrize("jump", JUMPS)
def test_a_message_that_was_put_out_by_a_wrong_clock_does_not_wait_for_it(tmp_path: Path, jump: str) -> None:
    path, at = tmp_path / "live.sqlite", T0 + JUMPS[jump]
    with hook() as receiver, closing(store.connect(path)) as connection:
        body = msgspec.json.encode(notification_of(event(), RULE, {}, "site"))
        store.store_outgoing(connection, [store.Outgoing("k", "hook", body, at, at + 5 * SECOND, "group")])
        dispatcher = webhook_dispatcher(receiver.url, path, lambda: T0)
        assert dispatcher.send_due(connection)
        assert states(path) == ["sent"]


def test_what_waits_for_its_group_is_not_sent_early(tmp_path: Path) -> None:
    path = tmp_path / "live.sqlite"
    with hook() as receiver, closing(store.connect(path)) as connection:
        body = msgspec.json.encode(notification_of(event(), RULE, {}, "site"))
        store.store_outgoing(connection, [store.Outgoing("k", "hook", body, T0, T0 + 2 * HOUR, "group")])
        assert not webhook_dispatcher(receiver.url, path, lambda: T0).send_due(connection)
