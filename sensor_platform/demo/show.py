"""Shows the demo: a live table on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator, Sequence
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sensor_platform.demo.analyst_view import READY_QUERY, Compared
from sensor_platform.demo.dagster_api import Work
from sensor_platform.demo.facts import Facts
from sensor_platform.home import Home

_PLAIN_SECONDS = 5.0
_ASSETS = 14
"""Number of asset rows that fit a small terminal."""


class Show(Protocol):
    """Protocol of a progress display."""

    def say(self, text: str) -> None:
        """Print one line of text."""

    def update(self, phase: str, facts: Facts, wanting: Sequence[str]) -> None:
        """Show the present facts, and what the phase waits for."""

    def finish(self, facts: Facts, home: Home, ui: str, page: str) -> None:
        """Show the result of the demo."""


class PlainShow:
    """Prints a line every few seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._begin = time.monotonic()
        self._shown_at = float("-inf")

    def say(self, text: str) -> None:
        """Print one line of text."""
        self._console.print(Text(f"[{time.monotonic() - self._begin:4.0f} s] {text}"))

    def update(self, phase: str, facts: Facts, wanting: Sequence[str]) -> None:
        """Print a line if the last one is old."""
        if time.monotonic() - self._shown_at >= _PLAIN_SECONDS:
            self._shown_at = time.monotonic()
            self.say(f"{phase}: {one_line(facts)}; waiting for: {wanting[0] if wanting else 'the publisher'}")

    def finish(self, facts: Facts, home: Home, ui: str, page: str) -> None:
        """Print the result of the demo."""
        self.say(one_line(facts))
        self._console.print(_result(facts, home, ui, page))


class LiveShow:
    """A screen that redraws itself."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._begin = time.monotonic()
        self._live = Live(console=console, refresh_per_second=2, transient=True)

    def say(self, text: str) -> None:
        """Print above the live part."""
        self._console.print(Text(text))

    def update(self, phase: str, facts: Facts, wanting: Sequence[str]) -> None:
        """Redraw the live part."""
        head = Text(f"{phase}  ({time.monotonic() - self._begin:.0f} s)", style="bold")
        waiting = Text(f"waiting for: {wanting[0]}" if wanting else "", style="dim")
        parts = [head, _messages(facts), _partitions(facts), _predictions(facts), waiting]
        self._live.update(Group(*(part for part in parts if part is not None)))
        self._live.start()

    def finish(self, facts: Facts, home: Home, ui: str, page: str) -> None:
        """Leave the last state and the result on the screen."""
        self._live.stop()
        self._console.print(_messages(facts), _partitions(facts) or "", _result(facts, home, ui, page))

    def close(self) -> None:
        """Restore the terminal."""
        self._live.stop()


def one_line(facts: Facts) -> str:
    """Format the counts as one line."""
    ledger, work = facts.ledger, facts.work or Work()
    landed, quarantined, duplicate = (ledger.landed, ledger.quarantined, ledger.duplicate) if ledger else (0, 0, 0)
    done = sum(each.done for each in work.assets.values())
    total = sum(each.total for each in work.assets.values())
    predictions = sum(facts.answers.predictions.values()) if facts.answers else 0
    return (
        f"sent {facts.sent:,}, landed {landed:,}, quarantined {quarantined:,}, duplicates {duplicate:,}; "
        f"partitions {done:,} of {total:,}; runs {work.done_runs} done, {work.busy_runs} busy, "
        f"{len(work.failed_runs)} failed; predictions {predictions:,}"
    )


def _messages(facts: Facts) -> Table:
    table = Table("sent", "acknowledged", "landed", "quarantined", "duplicates", title="messages", title_justify="left")
    ledger = facts.ledger
    fates = (ledger.landed, ledger.quarantined, ledger.duplicate) if ledger else (0, 0, 0)
    table.add_row(*(f"{number:,}" for number in (facts.sent, facts.acknowledged, *fates)))
    return table


def _partitions(facts: Facts) -> Table | None:
    if facts.work is None:
        return None
    table = Table("asset", "days done", "of", "failed", title="partitions", title_justify="left")
    for name, each in list(facts.work.assets.items())[:_ASSETS]:
        table.add_row(name, str(each.done), str(each.total), str(each.failed or ""))
    work = facts.work
    table.caption = f"runs: {work.done_runs} done, {work.busy_runs} busy, {len(work.failed_runs)} failed"
    return table


def _predictions(facts: Facts) -> Table | None:
    if facts.answers is None or not facts.answers.latest:
        return None
    columns = ("device", "metric", "issued", "for", "predicted", "90 % interval", "actual")
    table = Table(title="predictions issued before the last day, beside what came", title_justify="left")
    for column in columns:
        table.add_column(column, no_wrap=True)
    for row in facts.answers.latest:
        table.add_row(*(Text(cell) for cell in _cells(row)))  # as text: a device may be called [bold]
    return table


def _cells(row: Compared) -> Iterator[str]:
    yield from (row.device_id, row.metric, f"{row.issued_at:%d %b %H:%M}", f"{row.target_at:%d %b %H:%M}")
    yield from (f"{row.predicted:.1f}", f"{row.lower:.1f} .. {row.upper:.1f}", f"{row.actual:.1f}")


def _result(facts: Facts, home: Home, ui: str, page: str) -> Group:
    ledger = facts.ledger
    landed, quarantined, duplicate = (ledger.landed, ledger.quarantined, ledger.duplicate) if ledger else (0, 0, 0)
    sign = "=" if facts.is_complete else "!="
    return Group(
        Text(
            f"{facts.sent:,} sent {sign} {landed:,} landed + {quarantined:,} quarantined + {duplicate:,} duplicates",
            style="bold green" if facts.is_complete else "bold red",
        ),
        _predictions(facts) or "",
        Text(f"Dagster:    {ui}"),
        Text(f"live page:  {page}"),
        Text(f"analysts:   {home.analytics_file}"),
        Text(f"try:        SENSOR_PLATFORM_HOME={home.root} sensor-platform query \\"),
        Text(f'"{READY_QUERY} limit 10"', style="cyan"),
    )
