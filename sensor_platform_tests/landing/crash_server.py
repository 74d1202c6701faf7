"""Runs an action on a home in a child process that fails at its k-th durable step. A program, not a test.

Durable steps: fsync, replace, unlink, rmdir, write (which may be torn) and every statement by which SQLite begins or
commits. For each line of JSON on standard input, {"home", "action", "fail_at", "how", "now"}, a child is forked that
does the action, and one line of JSON is answered: {"signal", "steps", "error"}. Polars and Arrow are imported before
forking but not used: their threads must not exist yet.
"""

import contextlib
import errno
import json
import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import sensor_platform.landing.service
from sensor_platform.errors import PlatformError, WrongUse
from sensor_platform.home import Home
from sensor_platform.imports.import_files import ImportPlan, import_files
from sensor_platform.imports.withdraw import withdraw
from sensor_platform.landing.config import LandingConfig
from sensor_platform.landing.forget.erase import begin, erase, settle
from sensor_platform.landing.forget.rule import ForgetRule
from sensor_platform.landing.housekeeping import keep_house
from sensor_platform.landing.integrity.reland import contracts_of, reland
from sensor_platform.landing.lander_lock import changes_lock
from sensor_platform.landing.ledger import open_ledger
from sensor_platform.landing.quarantine.reconcile import Reconciler
from sensor_platform.landing.quarantine.row_selection import RowSelection
from sensor_platform.reading.batch import TimeLimits
from sensor_platform.reading.contract import DEFAULT_CONTRACT, Contract, TimeSource, ValueSource
from sensor_platform.reading.decode import Decoder
from sensor_platform_tests.landing.homes import lander_of


class Faults:
    """Counts steps; kills, tears or refuses at the chosen one."""

    def __init__(self, fail_at: int, how: str) -> None:
        self.steps = 0
        self.fail_at = fail_at
        self.how = how

    def install(self) -> None:
        for name in ("fsync", "replace", "unlink", "rmdir"):
            setattr(os, name, self.wrap(getattr(os, name)))
        os.write = self.write(os.write)
        connect, faults = sqlite3.connect, self

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
                if sql in {"commit", "begin immediate"}:
                    faults.step(sqlite3.OperationalError("database or disk is full"))
                return super().execute(sql, *args)

        sqlite3.connect = lambda *a, **k: connect(*a, **(k | {"factory": Connection}))

    def step(self, error: Exception) -> None:
        self.steps += 1
        if self.steps == self.fail_at:
            if self.how == "refuse":
                raise error
            os.kill(os.getpid(), signal.SIGKILL)

    def wrap(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self.step(OSError(errno.ENOSPC, "No space left on device"))
            return call(*args, **kwargs)

        return wrapped

    def write(self, call: Callable[..., int]) -> Callable[..., int]:
        def wrapped(fd: int, data: Any) -> int:
            if self.steps + 1 == self.fail_at:
                call(fd, data[: len(data) // 2])
            self.step(OSError(errno.ENOSPC, "No space left on device"))
            return call(fd, data)

        return wrapped


def act(action: str, home: Home, now: int) -> None:
    """Land everything (with the cleaning at start), or do the upkeep."""
    if action == "land":
        with lander_of(home, now=now) as lander:
            service = sensor_platform.landing.service.LanderService(lander, 1, lambda _: None)
            service.start()
            service.land_all()
    elif action == "upkeep":
        keep_house(home, 10, 7, now)
    elif action == "reland":
        contracts = contracts_of((DEFAULT_CONTRACT,), LandingConfig(), date(2010, 1, 1), 10)
        reland(home, contracts, lambda: now)
    elif action == "requeue":
        with open_ledger(home) as ledger:
            decoder = Decoder(
                [Contract(name="any", topic="#", device=ValueSource(topic_level=-1))], TimeLimits(0, 1 << 60)
            )
            list(Reconciler(home, ledger, 600_000_000, lambda: now).requeue(RowSelection(), decoder, "v"))
    elif action == "import":
        plan = ImportPlan(Contract(name="history", topic="#"), TimeLimits(0, 1 << 60), 600_000_000, most_refused=1.0)
        import_files(home, sorted(home.root.parent.glob("*.csv")), plan, lambda: now)
    elif action == "replace":
        contract = Contract(name="berlin", topic="#", time=TimeSource(timezone="Europe/Berlin"))
        plan = ImportPlan(contract, TimeLimits(0, 1 << 60), 600_000_000, most_refused=1.0)
        import_files(home, sorted(home.root.parent.glob("*.csv")), plan, lambda: now, is_replacing=True)
    elif action == "forget":
        contracts = contracts_of((DEFAULT_CONTRACT,), LandingConfig(), date(2010, 1, 1), 10)
        with changes_lock(home, "forget"), open_ledger(home) as ledger:
            rule = begin(home, ledger, ForgetRule(at=now, device="d1"))
            erase(home, ledger, [rule], contracts, lambda: now)
            settle(home, ledger, [rule])
    elif action == "withdraw":
        with contextlib.suppress(WrongUse):  # an earlier attempt has withdrawn it
            withdraw(home, [str(home.root.parent / "1.csv")], 600_000_000, lambda: now)
    else:
        with open_ledger(home):
            pass


def child(request: dict[str, Any], answer: int) -> None:
    """Act and report the number of steps, or what stopped us."""
    faults = Faults(request["fail_at"], request["how"])
    faults.install()
    error = None
    try:
        act(request["action"], Home(Path(request["home"])), request["now"])
    except (OSError, sqlite3.OperationalError, PlatformError) as problem:
        error = str(problem)
    os.pwritev(answer, [json.dumps({"steps": faults.steps, "error": error}).encode()], 0)


def main() -> None:
    """Answer requests until the input ends."""
    for line in sys.stdin:
        request = json.loads(line)
        answer = os.memfd_create("answer")
        pid = os.fork()
        if pid == 0:
            child(request, answer)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        said = os.pread(answer, 65536, 0)
        os.close(answer)
        result = json.loads(said) if said else {"steps": None, "error": None}
        result["signal"] = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
