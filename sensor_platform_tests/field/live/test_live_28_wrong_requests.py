"""Wrong requests are refused as wrong, count for the limit of rate, and fill no log."""

import http.client
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from sensor_platform_tests.field.live.base import need
from sensor_platform_tests.field.live.processes import TOKEN, RunningLive, running_live

MOST = 10_000
"""Bytes of a request."""


def _code(live: RunningLive, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> int:
    """Of a request whose headers are as given; a body without a length of its own is one unfinished chunk."""
    connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=20)
    try:
        connection.putrequest(method, path, skip_host=True)
        for name, value in {"host": "localhost", "content-length": str(len(body)), **headers}.items():
            if value:
                connection.putheader(name, value)
        connection.endheaders(body)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLive]:
    with running_live(tmp_path_factory.mktemp("wrong"), token=TOKEN, most_body_bytes=MOST) as found:
        yield found


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="live 28")
def test_live_28_a_host_that_cannot_be_read_is_refused_without_a_traceback(live: RunningLive) -> None:
    before = live.log.stat().st_size
    codes = {_code(live, "GET", "/healthz", {"host": "["}) for _ in range(20)}
    written = live.log.stat().st_size - before
    assert codes <= {400, 421, 429}
    assert written < 2_000, "more than a kilobyte of log for each"


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="live 28")
def test_live_28_a_form_of_many_fields_is_refused(live: RunningLive) -> None:
    body = b"&".join(b"a%d=1" % number for number in range(30))
    form = {"content-type": "application/x-www-form-urlencoded"}
    need(_code(live, "POST", "/login", form, b"token=wrong") == 401, "a usual form is answered")
    assert _code(live, "POST", "/login", form, body) in {400, 401, 413}


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="live 28")
def test_live_28_a_form_of_unknown_length_that_is_too_large_is_refused(live: RunningLive) -> None:
    chunked = {"content-length": "", "transfer-encoding": "chunked"}
    size = MOST + 1_000
    assert _code(live, "POST", "/login", chunked, b"%x\r\n%b\r\n" % (size, b"a" * size)) in {400, 413}


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="live 28")
def test_live_28_a_time_before_all_times_is_refused(live: RunningLive) -> None:
    usual, _ = live.ask("/api/history?device=d&metric=m&from=2026-01-01")
    need(usual == 503, "nothing is published yet")
    code, _ = live.ask("/api/history?device=d&metric=m&from=0001-01-01")
    assert code in {400, 503}


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="live 28")
def test_live_28_wrong_hosts_count_for_the_limit_of_rate(tmp_path: Path) -> None:
    with running_live(tmp_path, token=TOKEN, requests_per_second=5) as live:
        codes = [_code(live, "GET", "/healthz", {"host": "["}) for _ in range(100)]
    assert 429 in codes, "a hundred in a row, where five a second are allowed"
