"""A process that has imported everything and parsed dbt's project, and forks itself for each run.

Without it, start and imports took most of a run's time (5 s of start, 3 s of dbt's start, 2 s of work).
`python -m sensor_platform.orchestration.launcher.warm_process FD` reads one JSON text per line, the argument of
`dagster api execute_run`, and ends when its standard input does; the runs that it forked go on. It writes a byte to FD
when it is ready, and one for each run that it has forked: a run without an answer was not started. Forking is
safe only while there is a single thread, so libraries that start threads on import (Polars, NumPy) stay out, and
with more threads the process exits.
"""

import gc
import os
import signal
import sys
import warnings
from pathlib import Path

_TASKS = Path("/proc/self/task")
_SECOND = "--second-try"
READY, STARTED = b"r", b"s"


def main() -> int:
    """Serve until standard input ends; 3 if this process cannot be forked safely."""
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    preload()
    if len(list(_TASKS.iterdir())) != 1:
        if _SECOND in sys.argv:
            return 3
        # The first parse of the project leaves threads of DuckDB behind; a second process finds it parsed on disk.
        again = [sys.executable, "-m", "sensor_platform.orchestration.launcher.warm_process", sys.argv[1], _SECOND]
        os.execv(sys.executable, again)  # noqa: S606 - our own interpreter and module
    gc.collect()
    gc.freeze()  # keeps the garbage collector of the children from copying every page
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps the children
    answers = int(sys.argv[1])
    os.set_inheritable(answers, False)  # noqa: FBT003 - takes no name
    requests = os.fdopen(os.dup(0), "rb", buffering=0)
    os.close(0)
    os.open(os.devnull, os.O_RDONLY)
    os.write(answers, READY)
    while line := requests.readline():
        if os.fork() == 0:
            requests.close()
            os.close(answers)
            _execute(line.decode())
        os.write(answers, STARTED)
    return 0


def preload() -> None:
    """Import and parse what every run needs."""
    import dbt.cli.main
    import duckdb
    from dagster._cli.api import execute_run_command

    from sensor_platform.definitions import defs
    from sensor_platform.orchestration.site_in_force import LOADED
    from sensor_platform.warehouse.dbt.runner import profile_folder, warm_up

    del dbt, duckdb, execute_run_command
    defs.get_repository_def().load_all_definitions()
    site = LOADED.site
    warm_up(profile_folder(LOADED.home, site.warehouse), slot_minutes=site.slot_minutes)


def _execute(arguments: str) -> None:
    """Execute one run in this child, and never return."""
    from dagster._cli.api import execute_run_command

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    code = 1
    try:
        os.setsid()
        gc.unfreeze()
        execute_run_command.main([arguments], prog_name="execute_run", standalone_mode=False)
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
