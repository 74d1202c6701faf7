"""Observes a running demo: the facts that are shown and that the verdict uses."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from sensor_platform.demo.analyst_view import Answers, read_answers
from sensor_platform.demo.dagster_api import Work, ask_work
from sensor_platform.home import Home
from sensor_platform.landing.ledger import Totals, read_ledger, totals

_SLOW_SECONDS = 4.0
"""Minimum interval between queries to Dagster and the published tables; both cost CPU that the demo needs."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts at one time; None for those that are not available yet."""

    sent: int
    acknowledged: int
    ledger: Totals | None
    work: Work | None
    answers: Answers | None
    is_settled: bool = False
    """Whether no day is dirty: every table contains all landed readings."""

    @property
    def accounted(self) -> int:
        """Number of messages with an outcome: landed, quarantined or duplicate."""
        return self.ledger.landed + self.ledger.quarantined + self.ledger.duplicate if self.ledger else 0

    @property
    def is_complete(self) -> bool:
        """Whether every sent message has an outcome."""
        return self.sent > 0 and self.sent == self.accounted


@dataclass(slots=True)
class Observer:
    """Reads the ledger each time, and slower sources only after the minimum interval."""

    home: Home
    ui: str
    cut: datetime
    counts: Callable[[], tuple[int, int]]
    """Returns the numbers of sent and acknowledged messages."""
    settled: Callable[[], bool]
    _looked_at: float = field(default=float("-inf"))
    _work: Work | None = None
    _answers: Answers | None = None
    _is_settled: bool = False

    def look(self) -> Facts:
        """Collect the present facts."""
        (sent, acknowledged), ledger = self.counts(), self._ledger()
        facts = Facts(sent, acknowledged, ledger, self._work, self._answers, self._is_settled)
        if time.monotonic() - self._looked_at < _SLOW_SECONDS:
            return facts
        self._work = ask_work(self.ui, self.home.dagster) or self._work
        self._answers = read_answers(self.home.analytics_file, self.cut) or self._answers
        is_idle = self._work is not None and not self._work.busy_runs
        self._is_settled = facts.is_complete and is_idle and self.settled()
        self._looked_at = time.monotonic()
        return replace(facts, work=self._work, answers=self._answers, is_settled=self._is_settled)

    def _ledger(self) -> Totals | None:
        with read_ledger(self.home) as connection:
            return totals(connection) if connection else None
