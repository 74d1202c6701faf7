"""The collector with its one promise broken: it acknowledges what it has read before it has written it.

The loss test runs it to show that it would see a loss.
"""

from sensor_platform.cli.main import main
from sensor_platform.collect.frame_encoder import Intake
from sensor_platform.collect.mqtt.packets import encode_replies
from sensor_platform.collect.mqtt.read_paths import BulkLane

honest_read = BulkLane.read


def read(self: BulkLane) -> int:
    size = honest_read(self)
    intake = self._intake
    if isinstance(intake, Intake):  # not while the self-test looks
        replies, intake._replies = intake._replies, []
        self.reply(encode_replies(replies))
    return size


BulkLane.read = read  # type: ignore[method-assign]
main()
