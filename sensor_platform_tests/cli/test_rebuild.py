"""Everything made again, as a command: its steps in their order, and what is said of them."""

from datetime import date

import pytest

from sensor_platform.cli.rebuild import rebuild
from sensor_platform.home import Home
from sensor_platform.predict.features import build_features as features
from sensor_platform.predict.forecast import score_job
from sensor_platform.retention import apply
from sensor_platform.retention.apply import Retention
from sensor_platform.warehouse import publish as publishing
from sensor_platform.warehouse import rebuild as rebuilding
from sensor_platform.warehouse.publish import PublishReport
from sensor_platform.warehouse.rebuild import RebuildProgress, RebuildReport
from sensor_platform_tests.cli.running import run

FIRST, LAST = date(2026, 3, 1), date(2026, 3, 2)


def test_tables_forecasts_and_published_pieces_are_made_in_their_order(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[tuple[str, Home]] = []

    def make_tables(asked: Home, _site: object, say: object) -> RebuildReport:
        steps.append(("tables", asked))
        assert callable(say)
        say(RebuildProgress((FIRST, LAST), 500, 500, 1_000))
        say(RebuildProgress((LAST, LAST), 500, 1_000, 1_000))
        return RebuildReport(days=2, readings=1_000, restored={"readings_1d": 7}, floor=FIRST)

    def publish(asked: Home, _site: object) -> PublishReport:
        steps.append(("published", asked))
        return PublishReport()

    monkeypatch.setattr(rebuilding, "rebuild", make_tables)
    monkeypatch.setattr(features, "build_features", lambda asked, _site: steps.append(("features", asked)))
    monkeypatch.setattr(score_job, "score", lambda asked, _site, **_: steps.append(("scores", asked)))
    monkeypatch.setattr(publishing, "publish", publish)
    monkeypatch.setattr(apply, "apply", lambda *_: Retention())
    result = run(rebuild)
    assert steps == [("tables", home), ("features", home), ("scores", home), ("published", home)]
    assert result.stdout.splitlines() == [
        "1,000 readings of 2 days",
        "restored from published tables, older than 2026-03-01: readings_1d 7 rows",
        "0 pieces published",
    ]
    assert result.stderr.splitlines() == [
        "rebuild: 2026-03-01..2026-03-02 done, 50% of 1,000 readings",
        "rebuild: 2026-03-02 done, 100% of 1,000 readings",
    ]
