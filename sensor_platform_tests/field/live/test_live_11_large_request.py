"""One request within `most_body_bytes` does not take the memory of the process."""

import re
from pathlib import Path

import pytest

from sensor_platform_tests.field.live.base import need
from sensor_platform_tests.field.live.processes import TOKEN, RunningLive, running_live

MESSAGES = 100_000
MOST_BYTES = 60 << 20
"""What a request of 200 kB may take at most."""


def _peak(live: RunningLive) -> int:
    """Largest resident memory of the process so far, in bytes."""
    status = Path(f"/proc/{live.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    need(found, "the kernel tells the peak")
    return int(found[1]) * 1024 if found else 0


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="live 11")
def test_live_11_a_request_of_very_many_messages_is_refused_or_bounded(tmp_path: Path) -> None:
    with running_live(tmp_path, token=TOKEN) as live:
        ndjson = {"content-type": "application/x-ndjson"}
        need(live.ask("/ingest?topic=sensors/x", b"1\n" * 100, ndjson)[0] == 202, "a small request is taken")
        before = _peak(live)
        code, _ = live.ask("/ingest?topic=sensors/x", b"1\n" * MESSAGES, ndjson, seconds=60)
        need(code in {202, 400, 413, 429, 503}, f"it is taken or refused, not {code}")
        assert _peak(live) - before < MOST_BYTES, "memory grows by hundreds of times the size of the request"
