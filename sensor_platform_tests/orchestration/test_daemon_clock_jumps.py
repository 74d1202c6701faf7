"""`dagster dev` with all its processes, whose clock is wrong for a while as they run: days are built and published."""

from datetime import UTC, datetime, timedelta

import pytest
from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from sensor_platform.landing.ledger import landing_floor, read_ledger
from sensor_platform_tests.orchestration.dagster_daemon import running
from sensor_platform_tests.orchestration.platforms import Platform
from sensor_platform_tests.running import wait_until
from sensor_platform_tests.shifted_clock import JUMPS, ShiftedClock, needs_compiler

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900), needs_compiler]


class Bench:
    """Messages that are received by the clock of the daemon; the device's clock is right, or set back with it."""

    def __init__(self, platform: Platform) -> None:
        self.platform, self.sent = platform, 1
        before = datetime.now(UTC) - timedelta(days=2)  # an older day than the first would wait for a reload
        platform.arrive(("d1", before, 0.0), received_at=before)
        self.clock = ShiftedClock(platform.home.root / "clock")

    def go_on(self, jump: int) -> None:
        """Let the clock be wrong by this; a message that arrives then is published."""
        self.clock.set(jump)
        now = datetime.now(UTC)
        received = now + timedelta(seconds=jump)
        self.platform.arrive(("d1", min(now, received), float(self.sent)), received_at=received)
        self.sent += 1
        wait_until(lambda: self.published() == self.sent, f"message {self.sent} published, {jump} s: {self.log()}", 180)

    def published(self) -> int:
        """Readings in the published hours."""
        if not self.platform.home.analytics_file.exists():
            return 0
        return int(self.platform.analysts("select coalesce(sum(n), 0) from readings_1h")[0][0])

    def log(self) -> str:
        return (self.platform.home.root / "dagster.log").read_text(errors="replace")[-3000:]

    def files(self) -> set[str]:
        """Files of the archive: nothing replaces them."""
        return {str(path) for path in self.platform.home.raw.glob("*/*")}


@pytest.mark.parametrize("jump", JUMPS)
def test_dagster_goes_on_through_a_jump_of_the_clock(platform: Platform, jump: str) -> None:
    bench = Bench(platform)
    with running(platform.home, more=bench.clock.environ):
        for offset in (0, JUMPS[jump], 0):
            before = bench.files()
            bench.go_on(offset)
            assert before < bench.files(), "an archive is gone"
        with DagsterInstance.from_config(str(platform.home.dagster)) as instance:
            failed = instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.FAILURE]))
        assert [(run.job_name, run.tags) for run in failed] == []
    with read_ledger(platform.home) as ledger:
        assert ledger is not None
        assert landing_floor(ledger) is None
