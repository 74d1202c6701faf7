"""One look at a running demo: everything that is shown, and everything that the verdict rests on."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sensor_platform.demo.answers import Answers, read_answers
from sensor_platform.demo.dagster_api import Work, ask_work
from sensor_platform.home import Home
from sensor_platform.landing.ledger import Totals, read_ledger, totals

_SLOW_SECONDS = 2.0
"""Least time between two looks at Dagster and at the published tables: both cost the demo CPU that it needs itself."""


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
    _slow: tuple[Work | None, Answers | None, bool] = (None, None, False)

    def look(self) -> Facts:
        """The facts now."""
        if time.monotonic() - self._looked_at > _SLOW_SECONDS:
            self._slow = self._ask()
            self._looked_at = time.monotonic()
        sent, acknowledged = self.counts()
        work, answers, is_settled = self._slow
        return Facts(sent, acknowledged, self._ledger(), work, answers, is_settled)

    def _ask(self) -> tuple[Work | None, Answers | None, bool]:
        work, answers, _ = self._slow
        new = read_answers(self.home.analytics_file, self.cut)
        return ask_work(self.ui) or work, new or answers, self.settled()

    def _ledger(self) -> Totals | None:
        with read_ledger(self.home) as connection:
            return totals(connection) if connection else None
