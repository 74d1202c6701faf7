"""The loss experiment at full size: numbered messages through mosquitto while collector, lander or both get kill -9.

    python benchmarks/bench_collect_loss.py [--messages 200000] [--rate 20000] [--kills 20] [--seed 1]

Four runs: QoS 1 and a smaller one at QoS 2, both counted in landing files through the ledger; QoS 1 over MQTT 3.1.1,
counted in the segments; and the variant that acknowledges before it writes, which must be seen to lose. Exit code 1
where that is not so.
"""

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))  # the experiment itself lives with the tests

from sensor_platform_tests.loss.chaos import Outcome, Plan, run_chaos
from sensor_platform_tests.running import RunningBroker


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--rate", type=float, default=20_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    o = parser.parse_args()
    plans = {
        "qos_1": Plan(o.messages, o.rate, o.kills, o.seed, victim="any", is_landing=True),
        "qos_2": Plan(o.messages // 5, o.rate / 5, o.kills // 2, o.seed, victim="any", qos=2, is_landing=True),
        "qos_1_mqtt_3.1.1": Plan(o.messages // 2, o.rate, o.kills // 2, o.seed, protocol="3.1.1"),
        "ack_before_write": Plan(o.messages // 2, o.rate / 4, 6, o.seed, is_patient=True, is_ack_first=True),
    }
    outcomes = {name: run(plan) for name, plan in plans.items()}
    print(json.dumps({"benchmark": "collect_loss", "runs": {n: dataclasses.asdict(r) for n, r in outcomes.items()}}))
    is_blind = outcomes.pop("ack_before_write").missing == 0
    sys.exit(1 if is_blind or any(outcome.missing for outcome in outcomes.values()) else 0)


def run(plan: Plan) -> Outcome:
    """One experiment with a broker of its own."""
    with TemporaryDirectory() as name:
        broker = RunningBroker(Path(name) / "broker")
        broker.start()
        try:
            return run_chaos(plan, Path(name), broker)
        finally:
            broker.stop()


if __name__ == "__main__":
    main()
