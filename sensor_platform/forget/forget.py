"""One `forget`, tier by tier. The rule is in force from the first step on; a killed one is finished by the next.

First landing, in one ledger commit; then what was made of it. Only when nothing is left is the rule marked as settled.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from sensor_platform.alert.forgotten_alerts import delete_alerts
from sensor_platform.errors import Missing
from sensor_platform.home import Home
from sensor_platform.labels.forgotten_labels import delete_labels
from sensor_platform.landing.forget.erase import Erased, begin, erase, lift, settle
from sensor_platform.landing.forget.rule import ForgetRule
from sensor_platform.landing.forget.standing import standing_rules
from sensor_platform.landing.integrity.raw_copies import ContractsInForce
from sensor_platform.landing.lander_lock import changes_lock
from sensor_platform.landing.ledger import open_ledger, read_ledger
from sensor_platform.predict.trained_on import TrainedModel, trained_on
from sensor_platform.warehouse.config import WarehouseSite
from sensor_platform.warehouse.file.shrink import shrink
from sensor_platform.warehouse.forgotten_rows import DeletedRows, delete_forgotten
from sensor_platform.warehouse.publish import publish


@dataclass(frozen=True, slots=True)
class ForgetReport:
    """What one rule deleted, or would delete."""

    rule: ForgetRule
    landing: Erased
    tables: tuple[DeletedRows, ...]
    labels: int
    alerts: int
    models: tuple[TrainedModel, ...]
    """Models that were trained on it. They are not changed."""


@dataclass(frozen=True, slots=True)
class Forgetter:
    """Forgets in one home."""

    home: Home
    site: WarehouseSite
    contracts: ContractsInForce
    clock: Callable[[], int]
    """Microseconds since the epoch, UTC."""
    build_alerts: Callable[[], object] = lambda: None
    """Builds the published tables of alerts again."""

    def plan(self, rule: ForgetRule) -> ForgetReport:
        """What a rule would delete; nothing is changed.

        Raises:
            CheckFailed: a landing file is damaged.
            Unreachable: another change works on the home.
        """
        self._check_home()
        with self._locked(), open_ledger(self.home) as ledger:
            landing = erase(self.home, ledger, [rule], self.contracts, self.clock, is_real=False)
        return self._follow(rule, landing, is_real=False)

    def forget(self, rule: ForgetRule) -> ForgetReport:
        """Put a rule into force and delete what it takes. Repeating it deletes what came back, which is nothing.

        Raises:
            CheckFailed: a landing file is damaged; the rule is in force, nothing was deleted.
            Unreachable: another change works on the home; the rule may be in force.
        """
        self._check_home()
        with self._locked(), open_ledger(self.home) as ledger:
            rule = begin(self.home, ledger, rule)
            landing = erase(self.home, ledger, [rule], self.contracts, self.clock)
        report = self._follow(rule, landing, is_real=True)
        with self._locked(), open_ledger(self.home) as ledger:
            settle(self.home, ledger, [rule])
        return report

    def finish(self) -> list[ForgetReport]:
        """Finish what a killed `forget` left; returns what that deleted. Cheap if nothing is pending."""
        return [self.forget(rule) for rule in rules_of(self.home) if rule.pending]

    def lift(self, start: str) -> ForgetRule:
        """End a rule, by the beginning of its id.

        Raises:
            WrongUse: no rule, or several, have such an id.
        """
        self._check_home()
        with self._locked(), open_ledger(self.home) as ledger:
            return lift(self.home, ledger, start)

    def _follow(self, rule: ForgetRule, landing: Erased, *, is_real: bool) -> ForgetReport:
        """Everything that is made of landed readings."""
        tables = delete_forgotten(self.home, self.site, rule, is_real=is_real)
        span = rule.alert_span
        labels = alerts = 0
        if rule.topic is None:
            labels = delete_labels(self.home, rule.device, rule.metric, span, is_real=is_real)
            alerts = delete_alerts(self.home, rule.device, rule.metric, span, is_real=is_real)
        if is_real and tables is not None:
            shrink(self.home, self.site, is_forced=True)
            publish(self.home, self.site)
            self.build_alerts()
        models = trained_on(self.home, device=rule.device, metric=rule.metric, first=rule.first, end=rule.end)
        return ForgetReport(
            rule, landing, tuple(tables or ()), labels, alerts, () if rule.topic is not None else tuple(models)
        )

    def _locked(self) -> AbstractContextManager[None]:
        return changes_lock(self.home, "forget", wait_seconds=self.site.warehouse.lock_wait_seconds)

    def _check_home(self) -> None:
        if not self.home.ledger_file.exists():
            raise Missing(f"{self.home.root} holds no readings", "set SENSOR_PLATFORM_HOME to the data folder")


def rules_of(home: Home) -> tuple[ForgetRule, ...]:
    """The rules in force, oldest first."""
    with read_ledger(home) as ledger:
        return () if ledger is None else standing_rules(ledger).rules
