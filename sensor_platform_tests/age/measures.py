"""What an aged home costs. Each measure does one thing once and returns the seconds that it took."""

import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from dagster import DagsterInstance

from sensor_platform.collect.brokers.local import free_port
from sensor_platform.home import Home
from sensor_platform.kernel.clock import HOUR, now_micros
from sensor_platform.kernel.days import day_of
from sensor_platform.landing.config import LandingConfig
from sensor_platform.landing.ledger import open_ledger
from sensor_platform.landing.ledger.summing import is_committed
from sensor_platform.landing.open_lander import open_lander
from sensor_platform.orchestration.sensors.ledger_sensor import look
from sensor_platform.predict.anomaly.build_anomalies import build_anomalies
from sensor_platform.predict.features.build_features import build_features
from sensor_platform.predict.forecast.score_job import score
from sensor_platform.predict.supervised.score_tasks import score_tasks
from sensor_platform.reading.contract import DEFAULT_CONTRACT
from sensor_platform.settings import load_settings
from sensor_platform.site import Site
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.dirty import dirty_days
from sensor_platform.warehouse.publish import publish
from sensor_platform_tests.age.aged_home import environment, run, start
from sensor_platform_tests.age.frames import payloads
from sensor_platform_tests.age.newest_hour import land_segment
from sensor_platform_tests.age.plan import SEGMENT, SLOT_MINUTES, AgePlan, segment_of


@dataclass(slots=True)
class Measures:
    """Measures of one home; landing goes on from where its history ended."""

    home: Home
    plan: AgePlan
    landed: int = 0
    """Segments that were landed while measuring, also before in a home that is used again."""

    def __post_init__(self) -> None:
        with open_ledger(self.home) as ledger:
            while is_committed(ledger, segment_of(self.plan, self.plan.end + self.landed * SEGMENT)):
                self.landed += 1

    def sensor_look(self) -> float:
        """One look of the ledger sensor after a segment, where everything before it is built, as runs would have."""
        settings = load_settings(environment(self.home))
        self._build_everything(settings.site)
        self.segment_commit()
        with DagsterInstance.ephemeral() as instance:
            return _timed(lambda: look(instance, settings, datetime.now(UTC)))

    def _build_everything(self, site: Site) -> None:
        now = datetime.now(UTC)
        assert build(self.home, site, position=1).is_ok
        build_features(self.home, site, position=1)
        score(self.home, site, position=1, now=now)
        score_tasks(self.home, site, position=1, now=now)
        build_anomalies(self.home, site, position=1, now=now)
        publish(self.home, site)
        dirty_days(self.home, site)  # the look after the run

    def segment_commit(self) -> float:
        """Landing of one sealed segment of five seconds."""
        at = self.plan.end + self.landed * SEGMENT
        self.landed += 1
        messages = payloads(self.plan, at // HOUR * HOUR)[at % HOUR // SEGMENT]
        contracts = (DEFAULT_CONTRACT,)
        with open_lander(self.home, contracts, LandingConfig(), date(2010, 1, 1), SLOT_MINUTES, now_micros) as lander:
            return _timed(lambda: land_segment(lander, self.home, segment_of(self.plan, at), messages))

    def slot_to_published(self) -> float:
        """Build and publish of the slots that one segment touched."""
        self.segment_commit()
        site = load_settings(environment(self.home)).site
        day = day_of(self.plan.end)

        def work() -> None:
            report = build(self.home, site, days=(day, day), position=1)
            assert report.is_ok, report.failed
            publish(self.home, site)

        return _timed(work)

    def status(self) -> float:
        """`sensor-platform status`, the start of the process included."""
        return _timed(lambda: run(self.home, ["status", "--json"]))

    def audit_of_a_day(self) -> float:
        """`sensor-platform audit` of the newest day, the start of the process included."""
        first = day_of(self.plan.end - 24 * HOUR)
        return _timed(lambda: run(self.home, ["audit", "--json", "--from", first.isoformat()]))

    def page_start(self) -> float:
        """From the start of `sensor-platform live` until the page answers."""
        port = free_port()
        began = time.perf_counter()
        process = start(self.home, ["live", "--port", str(port)])
        try:
            while not _answers(port):
                assert process.poll() is None, "the live process has ended"
                time.sleep(0.02)
            return time.perf_counter() - began
        finally:
            process.terminate()
            process.wait()


MEASURES: tuple[Callable[[Measures], float], ...] = (
    Measures.sensor_look,
    Measures.segment_commit,
    Measures.slot_to_published,
    Measures.status,
    Measures.audit_of_a_day,
    Measures.page_start,
)


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1):
            return True
    except urllib.error.HTTPError:  # it asks for a token: it runs
        return True
    except OSError:
        return False
