"""What a mail program shows is text: no name of a device becomes a link or a picture, and lines stay lines."""

import email
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import default as policy
from pathlib import Path

import pytest

from sensor_platform_tests.field.live.base import need
from sensor_platform_tests.field.live.rig import live_site
from sensor_platform_tests.live.receivers import Mail, mail

NAME = '<img src="http://evil.example/x.png"><a href="http://evil.example">Reset your password</a>'


@pytest.fixture
def letters(tmp_path: Path) -> Iterator[list[EmailMessage]]:
    """Letters about an alarm of a device with such a name: it fires, and is over."""
    with mail() as server:
        yield _letters(tmp_path, server)


def _letters(folder: Path, server: Mail) -> list[EmailMessage]:
    url = f"mailto://127.0.0.1:{server.controller.port}?from=a@example.org&to=b@example.org"
    rule = {"name": "hot", "kind": "threshold", "metric": "t", "above": 10, "severity": "critical"}
    rules = {"rules": [{**rule, "runbook": "Look at it.", "channels": ["mail"]}], "channels": {"mail": {"url": url}}}
    with live_site(folder, rules, public_url="https://live.example.org") as site:
        for at, value in enumerate((50, 1)):
            site.receive(at, {"device_id": NAME, "t": value})
            site.send(at + 0.5)
    need(len(server.letters) == 2, "two letters arrive")
    return [email.message_from_bytes(letter, policy=policy) for letter in server.letters]


def _parts(letter: EmailMessage, kind: str) -> list[str]:
    return [str(part.get_content()) for part in letter.walk() if part.get_content_type() == kind]


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="live 14")
def test_live_14_no_name_of_a_device_is_html(letters: list[EmailMessage]) -> None:
    shown = "".join(text for letter in letters for text in _parts(letter, "text/html"))
    assert "<img" not in shown, "the operator's mail program fetches a picture that a device names"
    assert "<a href" not in shown.replace('<a href="https://live.example.org', ""), "a device's link looks like ours"


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="live 14")
def test_live_14_lines_of_the_text_stay_lines(letters: list[EmailMessage]) -> None:
    (text,) = _parts(letters[0], "text/plain")
    need("Runbook" in text, "the runbook is in the letter")
    assert any(line.startswith("Runbook: Look at it.") for line in text.splitlines()), "all lines are one"


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="live 14")
def test_live_14_the_subject_of_a_resolved_alarm_is_not_critical(letters: list[EmailMessage]) -> None:
    need("CRITICAL" in str(letters[0]["subject"]), "the level is in the subject of an alarm that fires")
    assert "CRITICAL" not in str(letters[1]["subject"])
