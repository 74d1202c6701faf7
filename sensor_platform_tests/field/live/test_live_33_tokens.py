"""A token cannot be guessed: short ones are refused, and so is who tries one after the other."""

from pathlib import Path

import httpx
import pytest

from sensor_platform_tests.field.live.base import need
from sensor_platform_tests.field.live.processes import TOKEN, LiveRefused, running_live

GUESSES = 150
SIGN_OUT = "/logout"
"""Where a person signs out; the path is completed by the change that adds it."""


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="live 33")
def test_live_33_a_token_of_two_characters_is_refused(tmp_path: Path) -> None:
    try:
        with running_live(tmp_path, token="ab"):
            pass
    except LiveRefused as refusal:
        need("TOKEN" in str(refusal), f"it is refused for another reason: {refusal}")
        return
    raise AssertionError("a live process serves with a token of two characters")


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="live 33")
def test_live_33_wrong_tokens_are_slowed_down(tmp_path: Path) -> None:
    with running_live(tmp_path, token=TOKEN, requests_per_second=200) as live:
        guessed = [
            live.ask("/api/alerts", headers={"authorization": f"Bearer wrong-{number}"})[0] for number in range(GUESSES)
        ]
    need(set(guessed) <= {401, 429}, f"guesses are refused: {set(guessed)}")
    assert 429 in guessed, "as many guesses a second as requests"


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="live 33")
def test_live_33_a_person_can_sign_out(tmp_path: Path) -> None:
    with running_live(tmp_path, token=TOKEN) as live, httpx.Client(base_url=live.url) as client:
        client.post("/login", data={"token": TOKEN})
        need(client.get("/api/alerts").status_code == 200, "the cookie is enough to look")
        client.post(SIGN_OUT, headers={"x-requested-with": "sensor-platform"})
        assert client.get("/api/alerts").status_code == 401, "the cookie is good for 30 days, and nothing ends it"
