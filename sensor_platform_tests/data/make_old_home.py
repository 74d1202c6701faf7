"""Makes the stored home of `old_home.tar.xz`, which `end_to_end/test_old_home.py` reads with the product of today.

It was run once, on the product of commit d5358cd:

    python -m sensor_platform_tests.data.make_old_home sensor_platform_tests/data/old_home.tar.xz /srv/old_home

It documents how that home came about. It need not run on a later product: the stored file stays as it is, for its whole
point is that an earlier version wrote it. Clocks stand in 2025 throughout, so nothing in the home depends on the day on
which it was made.
"""

import dataclasses
import io
import itertools
import json
import shutil
import sys
import tarfile
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
from sensor_platform.predict.pipeline import build_anomalies, build_features, score, train

from sensor_platform.alert import store
from sensor_platform.alert.failed_runs import FailedRun, note
from sensor_platform.alert.history.build_alerts import build_alerts
from sensor_platform.alert.operator_answers import answer
from sensor_platform.collect.collector_status import CollectorStatus, Counters, write_status
from sensor_platform.collect.mqtt.paho_client import client_id_of
from sensor_platform.collect.mqtt.session_record import SessionRecord, save_record
from sensor_platform.imports.import_files import ImportPlan, import_files
from sensor_platform.kernel.durable import write_file
from sensor_platform.labels.label_store import add_label, add_labels, new_label, remove_label
from sensor_platform.landing.housekeeping import keep_house
from sensor_platform.landing.integrity.reland import contracts_of, reland
from sensor_platform.landing.integrity.verify import verify
from sensor_platform.landing.lander_lock import changes_lock
from sensor_platform.landing.ledger import load_memory, open_ledger
from sensor_platform.landing.open_lander import limits_of, open_lander
from sensor_platform.landing.quarantine.reconcile import Reconciler
from sensor_platform.landing.quarantine.row_selection import RowSelection
from sensor_platform.live.engine.loop import Loop
from sensor_platform.live.engine.step import Done, Step
from sensor_platform.live.process import make_parts
from sensor_platform.orchestration.sensors.backfills import Backfill
from sensor_platform.orchestration.storage.instance import SHIPPED
from sensor_platform.predict.forecast.monitor import watch
from sensor_platform.predict.supervised.monitor_tasks import watch_tasks
from sensor_platform.predict.supervised.score_tasks import score_tasks
from sensor_platform.predict.supervised.train_tasks import train_tasks
from sensor_platform.reading.contract import Contract, contract_version
from sensor_platform.reading.decode import Decoder
from sensor_platform.reading.model import EnvelopeFlag
from sensor_platform.reading.times import micros
from sensor_platform.retention import apply
from sensor_platform.retention.config import RetentionConfig
from sensor_platform.settings import Settings, live_setup, load_settings
from sensor_platform.wal import BatchFacts, CommittedMark, Header, SegmentWriter, encode_mqtt
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.publish import publish
from sensor_platform_tests.data import old_home_inputs as inputs
from sensor_platform_tests.landing.homes import Message, publish_packet

BOOT = 1741478400000
COLLECTOR = "plant"
RAW_DAYS = 36_500
LEFT_OUT = (
    "warehouse/dbt",
    "warehouse/.writer",
    "published/analytics.duckdb",
    "published/analytics.sql",
    "live/secret",
)
"""Working files that are made again, what holds the path of this home, and a random secret."""
Sent = Sequence[tuple[datetime, Message]]


def at(day: int, hour: int = 0, minute: int = 0) -> datetime:
    """A moment of March 2025, UTC."""
    return datetime(2025, 3, day, hour, minute, tzinfo=UTC)


class Maker:
    """One home and the steps that fill it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.segments = itertools.count(1)
        self.write_site(device="name", warning=5.5)

    def write_site(self, *, device: str, warning: float) -> None:
        """The site in the home, which commands find by themselves."""
        inputs.write_site(self.root / "site", device=device, warning=warning)
        self.settings: Settings = load_settings({"SENSOR_PLATFORM_HOME": str(self.root)})
        self.home, self.site = self.settings.home, self.settings.site

    def import_history(self, name: str, first: datetime, days: int, now: datetime) -> None:
        """A file of history, as `import` does it."""
        path = self.root.parent / name
        path.write_text(inputs.history(first, days, seed=days))
        limits = limits_of(self.site.landing, self.site.start)
        plan = ImportPlan(Contract(name="import", topic="#"), limits, self.site.slot_minutes * 60_000_000)
        print(import_files(self.home, [path], plan, lambda: micros(now)))

    def write_segment(self, sent: Sent, *, seal: bool = True) -> None:
        """A segment as the collector writes it, with its committed mark; the last one stays open, with a torn tail."""
        name = f"{COLLECTOR}-{BOOT:013d}-{next(self.segments):08d}"
        self.home.wal.mkdir(exist_ok=True)
        writer = SegmentWriter(self.home.wal, Header(segment=name, created_at=micros(sent[0][0])))
        for start in range(0, len(sent), 3):
            batch = [message for _, message in sent[start : start + 3]]
            flags = tuple((number, int(each.flag)) for number, each in enumerate(batch) if each.flag)
            facts = BatchFacts(micros(sent[start][0]), "session-1", True, 4, len(batch), flags)
            packets = [publish_packet(each, start + number + 1) for number, each in enumerate(batch)]
            writer.append([encode_mqtt(facts, packets)])
        mark = CommittedMark(self.home.wal, COLLECTOR)
        mark.publish(name, writer.commit())
        mark.close()
        if seal:
            writer.seal()
            return
        writer.close()
        with (self.home.wal / f"{name}.open").open("ab") as file:
            file.write(b"\x00torn")

    def land(self, now: datetime) -> None:
        """Land what is sealed."""
        site = self.site
        with open_lander(
            self.home, site.contracts, site.landing, site.start, site.slot_minutes, lambda: micros(now)
        ) as lander:
            print("landed", len(list(lander.land_sealed())))

    def follow_live(self, now: datetime, *, is_killed: bool = False) -> None:
        """The live engine takes what is committed, stores its alerts, and stops; killed, without a last snapshot."""
        ticks = itertools.count()
        setup = live_setup(self.settings, self.site.live)
        parts = make_parts(setup, lambda: micros(now) + 1000 * next(ticks))
        idle, snapshot = 0, Loop._snapshot

        def after(_step: Step, done: Done) -> None:
            nonlocal idle
            idle = 0 if done.taken else idle + 1
            if idle > 3:
                parts.loop.stop()
            if done.taken and is_killed:
                Loop._snapshot = lambda _: None  # type: ignore[assignment, method-assign]

        parts.loop.after = after
        parts.loop.run()
        parts.link.stop()
        Loop._snapshot = snapshot  # type: ignore[method-assign]

    def build(self, now: datetime) -> None:
        """What a run of all days does, from the tables of dbt to the alerts."""
        newest = sum(1 for _ in (self.home.ledger / "segments").iterdir())
        report = build(self.home, self.site, position=newest)
        assert report.is_ok, report.failed
        build_features(self.home, self.site, position=newest)
        score(self.home, self.site, position=newest, now=now)
        score_tasks(self.home, self.site, position=newest, now=now)
        build_anomalies(self.home, self.site, position=newest)
        publish(self.home, self.site)
        print(build_alerts(self.home, self.site.alerts, self.site.live.engine, micros(now)))

    def train(self, now: datetime) -> None:
        """A model of the forecast, and forecasts of the hours that waited for it."""
        print(train(self.home, self.site, now).metrics)
        score(self.home, self.site, now=now + timedelta(minutes=1))

    def train_tasks(self, now: datetime) -> None:
        """A model of the task, and its scores."""
        print(train_tasks(self.home, self.site, now).tasks)
        score_tasks(self.home, self.site, now=now + timedelta(minutes=1))

    def settle_quarantine(self, now: datetime) -> None:
        """Requeue what the changed contract can read, and drop the tests of somebody."""
        site = self.site
        with changes_lock(self.home), open_ledger(self.home) as ledger:
            settler = Reconciler(self.home, ledger, site.slot_minutes * 60_000_000, lambda: micros(now))
            decoder = Decoder(site.contracts, limits_of(site.landing, site.start), load_memory(ledger))
            print(list(settler.requeue(RowSelection(rules=("no_device",)), decoder, contract_version(site.contracts))))
            print(list(settler.drop(RowSelection(topic="sensors/test"))))

    def damage_and_restore(self, now: datetime) -> None:
        """A landing file is damaged, set aside, and landed again from the raw archive."""
        path = max(self.home.landing.glob(f"2025-03-09/{COLLECTOR}-*.parquet"))
        path.write_bytes(path.read_bytes()[:-1] + b"?")
        print(verify(self.home, micros(now)).damaged)
        contracts = contracts_of(self.site.contracts, self.site.landing, self.site.start, self.site.slot_minutes)
        day = now.date()
        print(reland(self.home, contracts, lambda: micros(now), (day, day)))

    def say(self, now: datetime) -> None:
        """Labels of people: imported, one said differently, one taken back; answers to alerts."""
        moment = micros(now)
        found = [
            new_label(device, "failure", micros(when), None, source="file", now=moment)
            for device, when in inputs.FAILURES
        ]
        add_labels(self.home, found)
        wrong = new_label("pump-2", "failure", micros(at(1, 3)), None, source="person", now=moment, note="a mistake")
        add_label(self.home, wrong)
        remove_label(self.home, wrong.label_id, moment + 3_600_000_000)
        add_label(self.home, dataclasses.replace(found[0], note="the bearing", created_at=moment + 60_000_000))

    def say_late(self, now: datetime) -> None:
        """A failure that is told of late: scores since then are made again."""
        add_label(self.home, new_label("pump-2", "failure", micros(at(8, 6)), None, source="person", now=micros(now)))
        score_tasks(self.home, self.site, now=now)

    def keep_up(self, now: datetime) -> None:
        """Landing files of closed hours become larger ones."""
        print(keep_house(self.home, self.site.slot_minutes, RAW_DAYS, micros(now)))

    def answer_alerts(self, now: datetime) -> None:
        """One alert is right, one is wrong, one was seen."""
        with closing(store.connect(self.home.live_file)) as connection:
            rows = connection.execute("select alert_id from alerts order by noticed_at, alert_id").fetchall()
        kinds = ("confirm", "reject", "acknowledge")
        for (alert_id,), kind in zip(rows, kinds, strict=False):
            answer(self.home, alert_id, kind, "anna", micros(now), "looked at it")

    def acknowledge_firing(self, now: datetime) -> None:
        """A person has seen an alert; the live process is away and will obey when it starts."""
        with closing(store.connect(self.home.live_file)) as connection:
            rows = connection.execute("select min(alert_id) from alerts where state = 'firing'").fetchall()
        answer(self.home, rows[0][0], "acknowledge", "anna", micros(now))

    def note_processes(self) -> None:
        """What processes leave beside the data: collector, Dagster's failures, a backfill."""
        write_file(self.home.wal / f"{COLLECTOR}.boot", str(BOOT).encode())
        client = client_id_of(COLLECTOR, self.root)
        save_record(
            self.home.wal / f"{COLLECTOR}.session",
            SessionRecord(session="session-1", client_id=client, filters={"sensors/#": 1}),
        )
        then = at(9, 15).timestamp()
        status = CollectorStatus(
            collector=COLLECTOR, pid=1, broker="mqtt://127.0.0.1:1883", client_id=client, lane="bulk", started_at=then,
            updated_at=then + 60, state="stopped", session="session-1", counters=Counters(messages=250, segments=14),
        )  # fmt: skip
        write_status(self.home.wal, status)
        note(self.home, FailedRun(run_id="0001", job="days", first_day="2025-03-08", last_day=None, error="disk full"))
        asked = Backfill(
            id="20250309-150000-0001",
            asked_at=at(9, 15),
            ranges=((date(2025, 3, 2), date(2025, 3, 8)),),
            is_cancelled=True,
        )
        write_file(self.home.dagster / "dagster.yaml", SHIPPED.read_bytes())
        write_file(self.home.dagster / "backfills" / f"{asked.id}.json", msgspec.json.encode(asked))


def garbage(day: int, hour: int, count: int) -> Sent:
    """Messages that are refused, doubled or odd: bytes, an unknown device, a test of somebody, a late reading."""
    sent: list[tuple[datetime, Message]] = []
    for number in range(count):
        moment = at(day, hour, 1 + number)
        sent += [
            (moment, Message(b"\xff no json %d" % number, "sensors/pump-1")),
            (moment, Message(b'{"machine": "press-1", "hall": "h2", "pressure": %d.5}' % number, "gateway/g1")),
            (moment, Message(b'{"id": "test", "t": NaN, "u": %d}' % number, "sensors/test")),
        ]
    return [*sent, (at(day, hour, 59), Message(sent[1][1].payload, "gateway/g1", EnvelopeFlag.DUPLICATE))]


def late(day: int, hour: int, ago: timedelta, changed: str) -> Sent:
    """A reading of an earlier day in another unit, and one of a device whose kind has changed."""
    moment = at(day, hour)
    old = {"device_id": "pump-1", "ts": int((moment - ago).timestamp()), "temperature": 111.2, "unit": "degF"}
    odd = {"device_id": changed, "ts": int(moment.timestamp()), "temperature": "hot"}
    return [(moment, Message(json.dumps(each).encode(), f"sensors/{each['device_id']}")) for each in (old, odd)]


def fill(made: Maker) -> None:
    """Everything, in the order of time."""
    second = inputs.FIRST + timedelta(days=2)
    made.import_history("early.csv", inputs.FIRST, 2, second + timedelta(hours=1))
    made.build(second + timedelta(hours=2))
    made.import_history("more.csv", second, 10, at(9, 0, 30))
    made.say(at(9, 0, 40))
    made.build(at(9, 0, 45))
    made.train(at(7))
    made.train_tasks(at(7))
    for hour in range(1, 9):
        start = at(9, hour)
        sent = list(inputs.readings(start, 60, first_seq=1 + 6 * (hour - 1)))
        made.write_segment(sent[:9])
        made.write_segment(sent[9:])
        if hour == 4:
            made.write_segment(garbage(9, hour, 4))
        if hour in {1, 8}:
            made.follow_live(start + timedelta(minutes=59))
        made.land(start + timedelta(minutes=59, seconds=30))
    made.build(at(9, 9))
    made.write_site(device="machine", warning=5.0)
    made.settle_quarantine(at(9, 9, 10))
    made.write_segment(late(9, 10, timedelta(hours=30), "pump-3"))
    made.land(at(9, 10, 5))
    made.keep_up(at(9, 11, 30))
    made.damage_and_restore(at(9, 12))
    made.answer_alerts(at(9, 12, 5))
    made.build(at(9, 12, 30))
    made.train(at(9, 12, 40))
    made.say_late(at(9, 12, 45))
    print(watch(made.home, made.site, at(9, 12, 50)), watch_tasks(made.home, made.site, at(9, 12, 50)))
    old = RetentionConfig(landing_days=7, readings_10s_days=7, readings_clean_days=0, readings_1m_days=0)
    gone = apply.apply(made.home, made.site, old, RAW_DAYS, micros(at(9, 12, 55)))
    print("retention", gone.rows, gone.files, gone.floor, gone.kept[:3])
    made.keep_up(at(9, 13, 30))
    made.write_segment(late(9, 13, timedelta(days=12), "pump-2"))
    made.follow_live(at(9, 13, 1), is_killed=True)
    made.land(at(9, 13, 5))
    made.build(at(9, 13, 10))
    made.write_segment(list(inputs.readings(at(9, 14), 30, first_seq=49)))
    made.write_segment([*garbage(9, 14, 1), *late(9, 14, timedelta(hours=50), "pump-1")])
    made.write_segment(list(inputs.readings(at(9, 15), 30, first_seq=52)), seal=False)
    made.acknowledge_firing(at(9, 15, 30))
    made.note_processes()


def pack(root: Path, target: Path) -> None:
    """One archive with plain names, owners and times."""
    for name in LEFT_OUT:
        path = root / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    with tarfile.open(target, "w:xz", preset=9) as archive:
        for path in sorted(root.rglob("*")):
            if not path.is_file():
                continue
            info = tarfile.TarInfo(str(path.relative_to(root)))
            data = path.read_bytes()
            info.size, info.mtime = len(data), int(at(9, 16).timestamp())
            archive.addfile(info, io.BytesIO(data))


def main(target: Path, folder: Path) -> None:
    """Make it in `folder`, whose path stays in views of the warehouse file, with a clock that stands in 2025."""
    real = time.time_ns
    shift = real() - micros(at(9, 9)) * 1000
    time.time_ns = lambda: real() - shift
    made = Maker(folder / "home")
    fill(made)
    pack(made.root, target)
    print(target.stat().st_size, "bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
