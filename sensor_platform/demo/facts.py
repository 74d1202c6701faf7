"""One look at a running demo: everything that is shown, and everything that the verdict rests on."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from sensor_platform.demo.analyst_view import Answers, read_answers
from sensor_platform.demo.dagster_api import Work, ask_work
from sensor_platform.home import Home
from sensor_platform.landing.ledger import Totals, read_ledger, totals

_SLOW_SECONDS = 4.0
"""Least time between two looks at Dagster and at the published tables: both cost CPU that the demo needs itself."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known now. None where it cannot be asked yet."""

    sent: int
    acknowledged: int
    ledger: Totals | None
    work: Work | None
    answers: Answers | None
    is_settled: bool = False
    """Nothing is dirty: every table has seen everything that was landed."""

    @property
    def accounted(self) -> int:
        """Messages with a fate: landed, quarantined or duplicate."""
        return self.ledger.landed + self.ledger.quarantined + self.ledger.duplicate if self.ledger else 0

    @property
    def is_complete(self) -> bool:
        """Every message that was sent has a fate."""
        return self.sent > 0 and self.sent == self.accounted


@dataclass(slots=True)
class Observer:
    """Looks at the ledger each time, and at what is slow to ask only now and then."""

    home: Home
    ui: str
    cut: datetime
    counts: Callable[[], tuple[int, int]]
    """(sent, acknowledged), from the publisher."""
    settled: Callable[[], bool]
    _looked_at: float = field(default=float("-inf"))
    _work: Work | None = None
    _answers: Answers | None = None
    _is_settled: bool = False

    def look(self) -> Facts:
        """The facts now."""
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
