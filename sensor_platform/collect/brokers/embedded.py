"""The broker of the demo where mosquitto is not installed: amqtt, MQTT 3.1.1 only, in memory, not durable.

Run as `python -m sensor_platform.collect.brokers.embedded PORT`; it listens on 127.0.0.1 and ends on SIGTERM. It loses
queued messages when it stops, and takes about 2,000 messages a second; a real site uses mosquitto or another broker.
"""

import asyncio
import contextlib
import logging
import signal
import sys
import warnings


def serve(port: int) -> None:
    """Serve until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside amqtt, which cannot be changed here
        asyncio.run(_serve(port))


async def _serve(port: int) -> None:
    from amqtt.broker import Broker

    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    config = {
        "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }
    broker = Broker(config)
    await broker.start()
    await stopped.wait()
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(broker.shutdown(), 3.0)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
