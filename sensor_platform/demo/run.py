"""Runs the demo: history as fast as possible, then the last day, for which predictions exist already."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sensor_platform.collect.brokers.local import BrokerKind, LocalBroker
from sensor_platform.demo.demo_home import SHIPPED_SITE, copy_site, demo_home
from sensor_platform.demo.facts import Facts, Observer
from sensor_platform.demo.feed import Feed
from sensor_platform.demo.recording import Recording, record
from sensor_platform.demo.show import Show
from sensor_platform.demo.stack import Stack, broker_of, stack_of, stopped_by_signals
from sensor_platform.demo.verdict import at_the_end, before_the_tail, unsettled
from sensor_platform.errors import CheckFailed, ExitCode
from sensor_platform.home import Home
from sensor_platform.settings import broker_from
from sensor_platform.site import Site, load_site
from sensor_platform.warehouse.dirty import dirty_days

_PHASE_SECONDS = 600.0
_LOOK_SECONDS = 0.5
_INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """Options of the demo."""

    root: Path
    """Data folder of the demo."""
    site: Path
    speed: float
    """Speed of the last day, in seconds of data per second."""
    ends_by_itself: bool
    broker: BrokerKind = "auto"


@dataclass(frozen=True, slots=True)
class _Stage:
    """Parts of a running demo."""

    home: Home
    site: Site
    recording: Recording
    stack: Stack
    feed: Feed
    show: Show


def run_demo(options: DemoOptions, show: Show, now: datetime) -> int:
    """Run the demo and stop all of its processes at the end; the data stay.

    Returns:
        0 when every message sent has a fate and predictions stand beside their actuals, 1 when not, 130 when it was
        interrupted before that was known.
    """
    replay = options.site / "replay.yaml"
    recording = record(replay if replay.is_file() else SHIPPED_SITE / "replay.yaml", now)
    code = _INTERRUPTED
    with (
        contextlib.suppress(KeyboardInterrupt),
        stopped_by_signals(),
        demo_home(options.root) as home,
        broker_of(home, options.broker) as broker,
        _stage(options, home, broker, recording, show) as stage,
    ):
        code = _play(stage, options.speed)
        if not options.ends_by_itself:
            _stay(stage)
    return code


@contextlib.contextmanager
def _stage(options: DemoOptions, home: Home, broker: LocalBroker, recording: Recording, show: Show) -> Iterator[_Stage]:
    show.say(f"broker: {broker.url}, {broker.note}")
    site = copy_site(options.site, home, start=recording.start, protocol=broker.protocol)
    with stack_of(home, site, broker) as stack, contextlib.closing(Feed(broker_from(broker.url))) as feed:
        show.say(f"Dagster: {stack.ui}")
        show.say(f"live page: {stack.page}")
        yield _Stage(home, load_site(site), recording, stack, feed, show)


def _play(stage: _Stage, speed: float) -> ExitCode:
    metrics, cut = stage.site.forecast.metrics, stage.recording.cut
    observer = Observer(
        stage.home, stage.stack.ui, cut, stage.feed.counts, lambda: not dirty_days(stage.home, stage.site)
    )
    stage.feed.send(stage.recording.history, None)
    _watch(stage, observer, "history", lambda facts: before_the_tail(facts, metrics, cut))
    stage.feed.send(stage.recording.tail, speed)
    facts = _watch(stage, observer, "last 24 hours", lambda facts: at_the_end(facts, metrics) + unsettled(facts))
    stage.show.finish(facts, stage.home, stage.stack.ui, stage.stack.page)
    return ExitCode.CHECK_FAILED if at_the_end(facts, metrics) else ExitCode.OK


def _watch(stage: _Stage, observer: Observer, phase: str, missing: Callable[[Facts], list[str]]) -> Facts:
    """Show the progress until everything is sent and nothing is missing.

    Raises:
        CheckFailed: it takes too long.
        Unreachable: a process has ended.
    """
    end = time.monotonic() + _PHASE_SECONDS
    while True:
        stage.stack.require_running()
        is_sending = stage.feed.is_busy
        facts = observer.look()
        wanting = missing(facts)
        stage.show.update(phase, facts, wanting)
        if not is_sending and not wanting:
            return facts
        if time.monotonic() > end:
            raise CheckFailed(
                f"after {_PHASE_SECONDS:.0f} s of the phase {phase!r}: {'; '.join(wanting) or 'still sending'}",
                f"the logs are in {stage.home.root / 'logs'}; runs that failed are on Dagster's page",
            )
        time.sleep(_LOOK_SECONDS)


def _stay(stage: _Stage) -> None:
    stage.show.say("Everything stays up until Ctrl-C.")
    while True:
        stage.stack.require_running()
        time.sleep(_LOOK_SECONDS)
