"""Checks of the configuration of mosquitto: MQTT does not show it, and with the defaults messages are lost."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from sensor_platform.doctor import Finding, fail, ok, warn

_LISTENING = "0A"
_SAVE_SECONDS = 5.0
_DEFAULT_AUTOSAVE_SECONDS = 1800
_LONGEST_AUTOSAVE_SECONDS = 10
_LEAST_QUEUED = 100_000
"""Messages. At 100 per second this covers a quarter of an hour without a collector."""

WANTED_PERSISTENCE = ("persistence true", "autosave_interval 1")
"""Settings that save every second, or with `autosave_on_changes true` at every change: both are good."""
WANTED_QUEUE = ("max_queued_messages 0", "max_queued_bytes 0")
"""Settings without limit: 0 means unlimited."""


def find_config(port: int, proc: Path = Path("/proc")) -> tuple[bool, Path | None]:
    """(is a mosquitto on this machine listening on `port`, the configuration file it was started with).

    Finds nothing if /proc does not show the process (other user, other system, container).
    """
    sockets = set(_listening(port, proc))
    for process in proc.glob("[0-9]*"):
        try:
            argv = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if not Path(argv[0]).name.startswith("mosquitto") or not _holds(process, sockets):
                continue
            return True, _config_argument(argv, (process / "cwd").resolve())
        except OSError:
            continue  # it has ended, or belongs to another user
    return False, None


def read_settings(config: Path) -> dict[str, str]:
    """Effective settings of a file: the last value of a key counts, `include_dir` is followed.

    Raises:
        OSError: a file cannot be read.
    """
    settings: dict[str, str] = {}
    for line in config.read_text("utf-8", "replace").splitlines():
        key, _, value = line.strip().partition(" ")
        if not key or key.startswith("#"):
            continue
        settings[key] = value.strip()
        if key == "include_dir":
            for file in sorted(Path(value.strip()).glob("*.conf")):
                settings |= read_settings(file)
    return settings


def check_settings(settings: Mapping[str, str], source: str, changed_at: float) -> Iterator[Finding]:
    """Findings about the settings: messages lost while the collector is away, or when the broker is killed.

    `changed_at` (seconds since the epoch): a time after which the broker had changes to save.
    """
    yield _persistence(settings, source, changed_at)
    yield _queue(settings, source)


def unknown_settings(reason: str) -> Finding:
    """The finding if the settings cannot be read."""
    return warn(
        "broker persistence",
        f"unknown: {reason}",
        f"name its file with --broker-config; mosquitto needs {'; '.join(WANTED_PERSISTENCE)}",
    )


def _persistence(settings: Mapping[str, str], source: str, changed_at: float) -> Finding:
    """A killed broker loses what it acknowledged since its last save; see docs/adr/0002."""
    hint = f"write into it: {'; '.join(WANTED_PERSISTENCE)}"
    if settings.get("persistence") != "true":
        return fail(
            "broker persistence", f"{source}: without persistence every restart loses all queued messages", hint
        )
    interval = _number(settings.get("autosave_interval"), _DEFAULT_AUTOSAVE_SECONDS)
    if settings.get("autosave_on_changes") == "true":
        lost, is_small = f"the last {interval} messages that it acknowledged", False
    else:
        lost, is_small = f"what it acknowledged in its last {interval} s", 0 < interval <= _LONGEST_AUTOSAVE_SECONDS
    if interval == 1:
        return _saved(settings, source, changed_at)
    detail = f"{source}: a killed broker loses {lost if interval else 'all that is queued'}"
    return (warn if is_small else fail)("broker persistence", detail, hint)


def _saved(settings: Mapping[str, str], source: str, changed_at: float) -> Finding:
    """Whether it really writes: started by root it switches to another user, who may have no permission."""
    often = "change" if settings.get("autosave_on_changes") == "true" else "second"
    detail = f"{source}: saves every {often}"
    folder = settings.get("persistence_location")
    if folder is None:
        return ok("broker persistence", detail)
    file = Path(folder) / settings.get("persistence_file", "mosquitto.db")
    end = time.monotonic() + _SAVE_SECONDS
    while True:
        try:
            if file.stat().st_mtime >= changed_at - 1.0:  # file systems round times
                return ok("broker persistence", f"{detail}; written to {file}")
        except FileNotFoundError:
            pass
        except PermissionError:
            return ok("broker persistence", f"{detail}; {file} cannot be read by this user")
        if time.monotonic() > end:
            return fail(
                "broker persistence",
                f"{source}: mosquitto does not write {file}, so a killed broker loses every queued message",
                "give its user write access to that folder (see its log), or set another `user` in the file",
            )
        time.sleep(0.1)


def _queue(settings: Mapping[str, str], source: str) -> Finding:
    limit = _number(settings.get("max_queued_messages"), 1000)
    size = _number(settings.get("max_queued_bytes"), 0)
    described = f"{source}: max_queued_messages {limit}, max_queued_bytes {size}"
    hint = f"write into it: {'; '.join(WANTED_QUEUE)}"
    if limit and limit <= 1000:
        return fail("broker queue", f"{described}: more than that is dropped while the collector is away", hint)
    if (limit and limit < _LEAST_QUEUED) or size:
        return warn("broker queue", f"{described}: more than that is dropped while the collector is away", hint)
    return ok("broker queue", described)


def _number(text: str | None, default: int) -> int:
    return int(text) if text is not None and text.isdigit() else default


def _listening(port: int, proc: Path) -> Iterator[str]:
    for table in (proc / "net/tcp", proc / "net/tcp6"):
        if not table.is_file():
            continue
        for line in table.read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                yield f"socket:[{fields[9]}]"


def _holds(process: Path, sockets: set[str]) -> bool:
    return any(str(link.readlink()) in sockets for link in (process / "fd").iterdir())


def _config_argument(argv: list[str], folder: Path) -> Path | None:
    for flag in ("-c", "--config-file"):
        if flag in argv[:-1]:
            return folder / argv[argv.index(flag) + 1]
    return None
