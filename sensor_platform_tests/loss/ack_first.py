"""The collector with its one promise broken: it acknowledges what it has read before it has written it.

The loss test runs it to show that it would see a loss.
"""

from sensor_platform.cli.main import main
from sensor_platform.collect.mqtt.frame_encoder import FrameEncoder
from sensor_platform.collect.mqtt.packets import encode_replies
from sensor_platform.collect.mqtt.read_paths import BulkReadPath

honest_read = BulkReadPath.read


def read(self: BulkReadPath) -> int:
    size = honest_read(self)
    encoder = self._encoder
    if isinstance(encoder, FrameEncoder):  # not while the self-test looks
        replies, encoder._replies = encoder._replies, []
        self.reply(encode_replies(replies))
    return size


BulkReadPath.read = read  # type: ignore[method-assign]
main()
