"""The end of a key epoch by itself: CPU time to wrap each key anew; JSON on stdout.

python benchmarks/keys.py [--keys 100000] [--home postgresql://...]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from privet.clock import SystemClock
from privet.db import create_stores, locate
from privet.vault import FileKeyring, Keys

AT_ONCE = 5000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--home", help="a postgresql:// URL of an empty database")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        home = create_stores(locate(options.home or f"{place}/home"), "FULL")
        clock = SystemClock()
        keys = Keys(home.keys, FileKeyring(Path(place) / "ring"), home.deployment, clock)
        keys.initialise()
        for first in range(0, options.keys, AT_ONCE):
            keys.make_for_subjects({(sno, 1) for sno in range(first, first + AT_ONCE)})
        cpu, wall = time.process_time(), time.monotonic()
        keys.rotate()
        cpu, wall = time.process_time() - cpu, time.monotonic() - wall
        told = {"keys": options.keys, "cpu_us_a_key": round(cpu / options.keys * 1e6, 2)}
        told |= {"wall_us_a_key": round(wall / options.keys * 1e6, 2), "home": home.keys.dialect}
        print(json.dumps(told))
        home.close()


if __name__ == "__main__":
    main()
