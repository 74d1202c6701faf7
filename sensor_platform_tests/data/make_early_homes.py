"""Makes the stored homes of the first two releases, which `end_to_end/test_early_homes.py` reads.

It was run once on the product of commit 2ddac25 and once on that of 41a63c0, with this file in their test folder:

    python -m sensor_platform_tests.data.make_early_homes home_2ddac25.tar.xz /srv/early_home

It documents how those homes came about. It need not run on a later product, as `make_old_home.py` need not. Clocks
stand in 2025 throughout. What the product of 2ddac25 has no command for (alerts, labels, requeue, reland, retention) is
left out of its home.
"""

import importlib.util
import io
import itertools
import json
import math
import random
import shutil
import sys
import tarfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path

from sensor_platform.landing.history.import_files import ImportPlan, import_files
from sensor_platform.landing.segments import BatchFacts, CommittedMark, Header, SegmentWriter, encode_mqtt
from sensor_platform.landing.upkeep import keep_up
from sensor_platform.predict.pipeline import build_features, score, train
from sensor_platform.warehouse.lock import writer_lock

from sensor_platform.landing.open_lander import open_lander
from sensor_platform.reading.batch import Limits
from sensor_platform.reading.contract import Contract, contract_version
from sensor_platform.reading.model import EnvelopeFlag
from sensor_platform.reading.times import micros
from sensor_platform.settings import Settings, load_settings
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.publish import publish
from sensor_platform_tests.landing.homes import Message, publish_packet

HAS_LIVE = importlib.util.find_spec("sensor_platform.serve") is not None
"""41a63c0 has; 2ddac25 has not."""
BOOT = 1741478400000
COLLECTOR = "plant"
RAW_DAYS = 36_500
PUMPS = ("pump-1", "pump-2", "pump-3")
FIRST = datetime(2025, 3, 4, tzinfo=UTC)
IMPORTED = datetime(2025, 3, 7, 23, 40, tzinfo=UTC)
LEFT_OUT = (
    "warehouse/dbt",
    "warehouse/.writer",
    "published/analytics.duckdb",
    "published/analytics.sql",
    "live/secret",
)
"""Working files that are made again, what holds the path of this home, and a random secret."""
SITE = """\
name: early-home
start: 2025-01-01
collect: {collector: plant}
landing: {raw_keep_days: 36500}
warehouse: {memory_limit: 1GB, threads: 1, fill_minutes: 2, large_piece: day}
forecast:
  metrics: [temperature]
  horizons: [1]
  min_history_hours: 24
  train_days: 36500
"""
LATER = """\
retention: {landing_days: 0, readings_clean_days: 0, readings_10s_days: 0, readings_1m_days: 0, readings_1h_days: 0}
live: {keep_hours: 1000000}
"""
RULES = """\
channels:
  line: {mqtt: "alarms/{device}"}
routes:
  - channels: [line]
rules:
  - {name: warm, kind: threshold, metric: temperature, above: 44}
  - {name: silent, kind: no_data, after: 2h}
"""
FILES = {
    "contracts/10-gateway.yaml": "name: gateway\ntopic: gateway/+\ndevice: {field: [name]}\n",
    "contracts/20-sensors.yaml": "name: sensors\ntopic: sensors/+\ntags:\n  plant: {constant: north}\n",
    "catalog/devices.csv": "device_id,site,area,type,cadence_s\npump-1,north,hall 1,pump,600\n",
    "catalog/metrics.csv": (
        "metric,unit,kind,min,max,description\ntemperature,degC,gauge,-40,150,housing\nstarts,,counter,,,starts\n"
    ),
    "catalog/calibration.csv": (
        "device_id,metric,gain,offset,valid_from,valid_to\npump-2,temperature,1.0,0.5,2025-01-01,2026-01-01\n"
    ),
}
Sent = Sequence[tuple[datetime, Message]]


def at(hour: int, minute: int = 0) -> datetime:
    """A moment of 9 March 2025, UTC."""
    return datetime(2025, 3, 9, hour, minute, tzinfo=UTC)


def temperature(pump: str, moment: datetime) -> float:
    """A daily wave, without noise."""
    return 40.0 + PUMPS.index(pump) + 5 * math.sin(2 * math.pi * (moment.hour + moment.minute / 60) / 24)


def history() -> str:
    """A CSV file of four days, a row per pump every half hour; its last row has no readable time."""
    rng = random.Random(4)
    lines = ["device_id,timestamp,temperature"]
    for step in range(48 * 4):
        moment = FIRST + timedelta(minutes=30 * step)
        lines += [f"{p},{moment:%Y-%m-%dT%H:%M:%SZ},{temperature(p, moment) + rng.gauss(0, 0.3):.1f}" for p in PUMPS]
    return "\n".join([*lines, "pump-1,yesterday,40.0", ""])


def readings(start: datetime, minutes: int, first_seq: int) -> Iterator[tuple[datetime, Message]]:
    """A message of each pump every ten minutes."""
    rng = random.Random(first_seq)
    for step in range(minutes // 10):
        moment, seq = start + timedelta(minutes=10 * step), first_seq + step
        for number, pump in enumerate(PUMPS):
            sent_at = moment + timedelta(seconds=7 * number)
            body = {
                "device_id": pump,
                "ts": int(sent_at.timestamp()),
                "seq": seq,
                "temperature": round(temperature(pump, moment) + rng.gauss(0, 0.3), 1),
                "starts": seq if seq < 15 else seq - 15,
                "mode": "RUN" if seq % 7 else "IDLE",
            }
            yield sent_at + timedelta(milliseconds=300), Message(json.dumps(body).encode(), f"sensors/{pump}")


def garbage(hour: int, count: int) -> Sent:
    """Messages that are refused or doubled."""
    sent: list[tuple[datetime, Message]] = []
    for number in range(count):
        moment = at(hour, 1 + number)
        sent += [
            (moment, Message(b"\xff no json %d" % number, "sensors/pump-1")),
            (moment, Message(b'{"machine": "press-1", "pressure": %d.5}' % number, "gateway/g1")),
            (moment, Message(b'{"id": "test", "t": NaN, "u": %d}' % number, "sensors/test")),
        ]
    return [*sent, (at(hour, 59), Message(sent[1][1].payload, "gateway/g1", EnvelopeFlag.DUPLICATE))]


def late(hour: int, ago: timedelta, changed: str) -> Sent:
    """A reading of an earlier day in another unit, and one of a device whose kind has changed."""
    moment = at(hour)
    old = {"device_id": "pump-1", "ts": int((moment - ago).timestamp()), "temperature": 111.2, "unit": "degF"}
    odd = {"device_id": changed, "ts": int(moment.timestamp()), "temperature": "hot"}
    return [(moment, Message(json.dumps(each).encode(), f"sensors/{each['device_id']}")) for each in (old, odd)]


class Maker:
    """One home and the steps that fill it."""

    def __init__(self, root: Path) -> None:
        self.root, self.segments = root, itertools.count(1)
        self.write_site("name")

    def write_site(self, device: str) -> None:
        """The site folder inside the home; the field of a gateway's device changes later."""
        texts = FILES | {"site.yaml": SITE + (LATER if HAS_LIVE else "")} | ({"rules.yaml": RULES} if HAS_LIVE else {})
        for name, text in texts.items():
            path = self.root / "site" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace("[name]", f"[{device}]"))
        names = {"SENSOR_PLATFORM_HOME": str(self.root), "SENSOR_PLATFORM_SITE": str(self.root / "site")}
        self.settings: Settings = load_settings(names)
        self.home, self.site = self.settings.home, self.settings.site
        start = micros(datetime.combine(self.site.start, clock_time(), UTC))
        self.limits = Limits(start=start, max_future=self.site.landing.max_future_seconds * 1_000_000)
        self.slot = self.site.slot_minutes * 60_000_000

    def import_history(self, now: datetime) -> None:
        """A file of history."""
        path = self.root.parent / "history.csv"
        path.write_text(history())
        plan = ImportPlan(Contract(name="import", topic="#"), self.limits, self.slot)
        print(import_files(self.home, [path], plan, lambda: micros(now)))

    def write_segment(self, sent: Sent, *, seal: bool = True) -> None:
        """A segment as the collector writes it; the last one stays open, with a torn tail."""
        name = f"{COLLECTOR}-{BOOT:013d}-{next(self.segments):08d}"
        self.home.wal.mkdir(exist_ok=True)
        writer = SegmentWriter(self.home.wal, Header(segment=name, created_at=micros(sent[0][0])))
        for start in range(0, len(sent), 3):
            batch = [message for _, message in sent[start : start + 3]]
            flags = tuple((number, int(each.flag)) for number, each in enumerate(batch) if each.flag)
            facts = BatchFacts(micros(sent[start][0]), "session-1", True, 4, len(batch), flags)
            writer.append([encode_mqtt(facts, [publish_packet(m, start + n + 1) for n, m in enumerate(batch)])])
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

    def build(self, now: datetime) -> None:
        """What a run of all days does."""
        newest = sum(1 for _ in (self.home.ledger / "segments").iterdir())
        report = build(self.home, self.site, position=newest)
        assert not report.failed, report.failed
        build_features(self.home, self.site, position=newest)
        score(self.home, self.site, position=newest, now=now)
        publish(self.home, self.site)

    def train(self, now: datetime) -> None:
        """A model of the forecast, and forecasts of the hours that waited for it."""
        print(train(self.home, self.site, now).metrics)
        score(self.home, self.site, now=now + timedelta(minutes=1))

    def keep_up(self, now: datetime) -> None:
        """Landing files of closed hours become larger ones; what they replaced goes an hour later."""
        with writer_lock(self.home, "upkeep", wait_seconds=60):
            print(keep_up(self.home, self.site.slot_minutes, RAW_DAYS, micros(now)))

    def follow_live(self, now: datetime, *, is_killed: bool = False) -> None:
        """The live engine takes what is committed and stops; killed, without a last snapshot."""
        from sensor_platform.serve.loop import Loop
        from sensor_platform.serve.process import make_parts

        from sensor_platform.settings import live_setup

        ticks = itertools.count()
        parts = make_parts(live_setup(self.settings, self.site.live), lambda: micros(now) + 20_000 * next(ticks))
        idle, snapshot = 0, Loop._snapshot

        def after(_step: object, done: object) -> None:
            nonlocal idle
            idle = 0 if done.taken else idle + 1
            if idle > 3:
                parts.loop.stop()
            if done.taken and is_killed:
                Loop._snapshot = lambda _: None

        parts.loop.after = after
        threading.Timer(20, parts.loop.stop).start()
        parts.loop.run()
        Loop._snapshot = snapshot

    def answer_alerts(self, now: datetime) -> None:
        """One alert is right, one is wrong, one that still fires was seen."""
        from sensor_platform.alert.answers import answer

        from sensor_platform.alert import store

        with closing(store.connect(self.home.live_file)) as connection:
            rows = connection.execute("select alert_id, state from alerts order by noticed_at, alert_id").fetchall()
        print(rows)
        over = [name for name, state in rows if state != "firing"]
        for name, kind in zip(over, ("confirm", "reject"), strict=False):
            answer(self.home, name, kind, "anna", micros(now), "looked at it")
        answer(self.home, next(name for name, state in rows if state == "firing"), "acknowledge", "anna", micros(now))

    def settle_quarantine(self, now: datetime) -> None:
        """Requeue what the changed contract can read, and drop the tests of somebody."""
        from sensor_platform.landing.ledger.write import load_memory
        from sensor_platform.landing.lock import changes_lock
        from sensor_platform.landing.quarantine.choose import Choice
        from sensor_platform.landing.quarantine.settle import Settler

        from sensor_platform.landing.ledger.schema import open_ledger
        from sensor_platform.reading.decode import Decoder

        with changes_lock(self.home), open_ledger(self.home) as ledger:
            settler = Settler(self.home, ledger, self.slot, lambda: micros(now))
            decoder = Decoder(self.site.contracts, self.limits, load_memory(ledger))
            version = contract_version(self.site.contracts)
            print(list(settler.requeue(Choice(rules=("no_device",)), decoder, version)))
            print(list(settler.drop(Choice(topic="sensors/test"))))

    def damage_and_restore(self, now: datetime) -> None:
        """A landing file is damaged, set aside, and landed again from the raw archive."""
        from sensor_platform.landing.proof.reland import contracts_of, reland
        from sensor_platform.landing.proof.verify import verify

        path = max(self.home.landing.glob(f"2025-03-09/{COLLECTOR}-*.parquet"))
        path.write_bytes(path.read_bytes()[:-1] + b"?")
        print(verify(self.home, micros(now)).damaged)
        contracts = contracts_of(self.site.contracts, self.site.landing, self.site.start, self.site.slot_minutes)
        print(reland(self.home, contracts, lambda: micros(now), (date(2025, 3, 9), date(2025, 3, 9))))

    def retain(self, now: datetime) -> None:
        """The first days go from landing and from the finer tiers."""
        from sensor_platform.warehouse.proof.config import RetentionConfig
        from sensor_platform.warehouse.proof.retention import apply

        old = RetentionConfig(
            landing_days=1, readings_10s_days=1, readings_clean_days=1, readings_1m_days=0, readings_1h_days=0
        )
        gone = apply(self.home, self.site, old, RAW_DAYS, micros(now))
        print("retention", gone.rows, gone.files, gone.floor, gone.kept[:3])


def fill(made: Maker) -> None:
    """Everything, in the order of time."""
    made.import_history(IMPORTED)
    made.build(IMPORTED)
    made.train(at(0, 50))
    for hour in range(1, 5):
        sent = list(readings(at(hour), 60, first_seq=1 + 6 * (hour - 1)))
        made.write_segment(sent[:9])
        made.write_segment(sent[9:])
        if hour == 2:
            made.write_segment(garbage(hour, 3))
        if HAS_LIVE:
            made.follow_live(at(hour, 59))
        made.land(at(hour, 59))
    made.write_segment(late(5, timedelta(hours=30), "pump-3"))
    made.land(at(5, 5))
    made.build(at(5, 10))
    made.keep_up(at(6, 30))
    if HAS_LIVE:
        made.write_site("machine")
        made.settle_quarantine(at(6, 40))
        made.damage_and_restore(at(6, 50))
        made.retain(at(7))
    made.keep_up(at(8))
    made.write_segment(late(8, timedelta(hours=20), "pump-2"))
    made.land(at(8, 5))
    made.build(at(8, 10))
    made.write_segment(list(readings(at(9), 30, first_seq=25)))
    made.write_segment([*garbage(9, 1), *late(9, timedelta(hours=50), "pump-1")])
    if HAS_LIVE:
        made.follow_live(at(9, 40), is_killed=True)
        made.answer_alerts(at(9, 45))
    made.write_segment(list(readings(at(10), 30, first_seq=28)), seal=False)
    made.home.dagster.mkdir()
    shutil.copy("dagster.yaml", made.home.dagster)  # of the repository, as its README told


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
            info.size, info.mtime = len(data), int(at(16).timestamp())
            archive.addfile(info, io.BytesIO(data))


def main(target: Path, folder: Path) -> None:
    """Make it in `folder`, whose path stays in views of the warehouse file, with a clock that stands in 2025."""
    real = time.time_ns
    shift = real() - micros(at(9)) * 1000
    time.time_ns = lambda: real() - shift
    made = Maker(folder / "home")
    fill(made)
    pack(made.root, target)
    print(target.stat().st_size, "bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
