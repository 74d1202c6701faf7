"""What the stored home of `make_old_home.py` was made from: its site folder, messages, history and labels.

All values are made up. Three pumps send vibration, temperature and a counter; vibration rises in the fourteen hours
before a failure.
"""

import json
import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sensor_platform_tests.landing.homes import Message

FIRST = datetime(2025, 2, 25, tzinfo=UTC)
PUMPS = ("pump-1", "pump-2", "pump-3")
FAILURES = (
    ("pump-1", datetime(2025, 3, 2, 12, tzinfo=UTC)),
    ("pump-2", datetime(2025, 3, 3, 6, tzinfo=UTC)),
    ("pump-3", datetime(2025, 3, 4, 8, tzinfo=UTC)),
    ("pump-1", datetime(2025, 3, 5, 6, tzinfo=UTC)),
    ("pump-2", datetime(2025, 3, 6, 12, tzinfo=UTC)),
    ("pump-1", datetime(2025, 3, 7, 18, tzinfo=UTC)),
    ("pump-3", datetime(2025, 3, 8, 4, tzinfo=UTC)),
)

SITE = """\
name: old-home
start: 2025-01-01
collect:
  collector: plant
landing:
  raw_keep_days: 36500
warehouse:
  memory_limit: 1GB
  threads: 1
  fill_minutes: 2
  large_piece: day
forecast:
  metrics: [temperature]
  inputs: [vibration]
  horizons: [1, 6]
  min_history_hours: 72
  train_days: 36500
anomaly:
  metrics: [temperature, vibration]
  false_alarm_rate: 0.1
supervised:
  - name: pump
    kind: failure
    labels: [failure]
    inputs: {vibration: vibration, mean_6: vibration.mean_6, away: vibration.off_mean, age: age_hours}
    horizon_hours: 12
    train_days: 36500
retention:
  landing_days: 0
  readings_clean_days: 0
  readings_10s_days: 0
  readings_1m_days: 0
  readings_1h_days: 0
live:
  keep_hours: 1000000
"""
GATEWAY = """\
name: gateway
topic: gateway/+
device: {{field: [{device}]}}
tags:
  hall: {{field: [hall]}}
units: {{pressure: bar}}
"""
SENSORS = "name: sensors\ntopic: sensors/+\ntags:\n  plant: {constant: north}\n"
DEVICES = "device_id,site,area,type,cadence_s\npump-1,north,hall 1,pump,600\npump-9,north,hall 9,pump,\n"
METRICS = (
    "metric,unit,kind,min,max,max_change_per_s,stuck_after_s,description\n"
    "vibration,mm/s,gauge,0,50,,,velocity at the bearing\n"
    "temperature,degC,gauge,-40,150,,,housing\n"
    "starts,,counter,,,,,starts of the motor\n"
)
CALIBRATION = "device_id,metric,gain,offset,valid_from,valid_to\npump-2,temperature,1.0,0.5,2025-01-01,2026-01-01\n"
RULES = """\
channels:
  line: {{mqtt: "alarms/{{device}}"}}
routes:
  - channels: [line]
rules:
  - name: shaking
    kind: threshold
    metric: vibration
    above: {{warning: {warning}, critical: 7.5}}
    clear_margin: 0.5
  - {{name: warm, kind: threshold, metric: temperature, above: 46}}
  - {{name: silent, kind: no_data, after: 2h}}
"""


def write_site(folder: Path, *, device: str, warning: float) -> None:
    """The site folder; the field of a gateway's device and one limit of an alarm change while the home is made."""
    texts = {
        "site.yaml": SITE,
        "contracts/10-gateway.yaml": GATEWAY.format(device=device),
        "contracts/20-sensors.yaml": SENSORS,
        "catalog/devices.csv": DEVICES,
        "catalog/metrics.csv": METRICS,
        "catalog/calibration.csv": CALIBRATION,
        "rules.yaml": RULES.format(warning=warning),
    }
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def vibration(pump: str, at: datetime) -> float:
    """Its value without noise."""
    ahead = min((end - at for device, end in FAILURES if device == pump and end >= at), default=timedelta(days=9))
    hours = ahead / timedelta(hours=1)
    return 2.0 + 0.5 * PUMPS.index(pump) + max(0.0, (14 - hours) / 2)


def temperature(pump: str, at: datetime) -> float:
    """Its value without noise: a daily wave."""
    return 40.0 + PUMPS.index(pump) + 5 * math.sin(2 * math.pi * (at.hour + at.minute / 60) / 24)


def history(first: datetime, days: int, seed: int) -> str:
    """A CSV file of history, a row per pump every half hour; its last row has no readable time."""
    rng = random.Random(seed)
    lines = ["device_id,timestamp,vibration,temperature"]
    for step in range(48 * days):
        at = first + timedelta(minutes=30 * step)
        for pump in PUMPS:
            values = f"{vibration(pump, at) + rng.gauss(0, 0.1):.1f},{temperature(pump, at) + rng.gauss(0, 0.3):.1f}"
            lines.append(f"{pump},{at:%Y-%m-%dT%H:%M:%SZ},{values}")
    return "\n".join([*lines, "pump-1,yesterday,1.0,40.0", ""])


def readings(start: datetime, minutes: int, first_seq: int) -> Iterator[tuple[datetime, Message]]:
    """Messages of the pumps, one each every ten minutes, with sequences and a counter that starts again once."""
    rng = random.Random(first_seq)
    for step in range(minutes // 10):
        at, seq = start + timedelta(minutes=10 * step), first_seq + step
        for number, pump in enumerate(PUMPS):
            sent_at = at + timedelta(seconds=7 * number)
            body = {
                "device_id": pump,
                "ts": int(sent_at.timestamp()),
                "seq": seq,
                "vibration": round(vibration(pump, at) + rng.gauss(0, 0.1) + (6 if seq in {14, 15} else 0), 1),
                "temperature": round(temperature(pump, at) + rng.gauss(0, 0.3), 1),
                "starts": seq if seq < 30 else seq - 30,
                "mode": "RUN" if seq % 7 else "IDLE",
            }
            yield sent_at + timedelta(milliseconds=300), Message(json.dumps(body).encode(), f"sensors/{pump}")
