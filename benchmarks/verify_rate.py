"""How fast the stand-alone verifier reads an audit export, in records a second.

    python benchmarks/verify_rate.py [RECORDS]

Writes a synthetic export with the generator of the verifier's tests (independent of the
log), verifies it three times and prints one JSON object: the best rate, beside the rate
of merely hashing the same bodies and nodes once with SHA-256, which no verifier can beat.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from privet.audit.verifier import verify_directory

if TYPE_CHECKING:
    from types import ModuleType

GENERATOR = Path(__file__).parents[1] / "tests" / "unit" / "verifier" / "conftest.py"


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("export_generator", GENERATOR)
    if spec is None or spec.loader is None:
        raise SystemExit("the generator of the verifier's tests is not there")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def floor(bodies: list[bytes]) -> float:
    """CPU seconds to hash every leaf and as many inner nodes, in a bare loop."""
    start = time.process_time()
    leaves = [sha256(b"\x00" + body).digest() for body in bodies]
    for leaf in leaves:
        sha256(b"\x01" + leaf + leaf).digest()
    return time.process_time() - start


def measure(records: int) -> dict[str, int]:
    """Records a second, the best of three runs."""
    export = generator().make(records)
    with tempfile.TemporaryDirectory() as directory:
        generator().write(export.files(), Path(directory))
        least = min(floor(export.bodies) for _ in range(3))
        size = sum(map(len, export.bodies)) // records
        del export
        took, worked = [], []
        for _ in range(3):
            start, cpu = time.perf_counter(), time.process_time()
            if not verify_directory(directory).ok:
                raise SystemExit("the synthetic export did not verify")
            took.append(time.perf_counter() - start)
            worked.append(time.process_time() - cpu)
    return {
        "records": records,
        "bytes_a_record": size,
        "records_a_second": round(records / min(took)),
        "records_a_cpu_second": round(records / min(worked)),
        "hashing_alone_a_cpu_second": round(records / least),
    }


def main() -> None:
    records = int(sys.argv[1]) if len(sys.argv) > 1 else 500_000
    print(json.dumps(measure(records)))


if __name__ == "__main__":
    main()
