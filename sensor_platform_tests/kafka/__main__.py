"""`python -m sensor_platform_tests.kafka [BROKERS]`: fetch the broker; with a number, run brokers until Ctrl-C."""

import signal
import sys
import tempfile
from pathlib import Path

from sensor_platform_tests.kafka.broker import RealKafka, fetch


def main() -> None:
    """Fetch, and start what is asked for."""
    print(fetch())
    brokers = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    if not brokers:
        return
    with tempfile.TemporaryDirectory() as folder:
        cluster = RealKafka(Path(folder), brokers)
        try:
            cluster.start()
            print(f"bootstrap servers: {cluster.servers}", flush=True)
            signal.sigwait({signal.SIGINT, signal.SIGTERM})
        finally:
            cluster.stop()


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    main()
