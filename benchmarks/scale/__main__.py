"""Memory and time of fits to memory maps of more and more rows.

``python -m benchmarks.scale rows`` runs `benchmarks.scale.rows` for each size in a
process of its own. The epochs of the small files are many, for they are short.
"""

import json
import subprocess
import sys

from ..common import ROOT, machine, make_parser, parse, store

SIZES = [
    *(("float32", 100_000, 5), ("uint8", 100_000, 5)),
    *(("float32", 1_000_000, 1), ("uint8", 1_000_000, 1)),
    ("float32", 10_000_000, 1),
]


def measure(threads: int) -> list[dict]:
    rows = []
    for dtype, n_rows, n_epochs in SIZES:
        completed = subprocess.run(
            [
                *(sys.executable, "-m", "benchmarks.scale.rows", str(n_rows)),
                *("--dtype", dtype, "--epochs", str(n_epochs)),
                *("--threads", str(threads)),
            ],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        )
        rows.append(json.loads(completed.stdout))
        print(rows[-1], flush=True)
    return rows


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("what", choices=["rows"])
    arguments = parse(parser)
    rows = measure(arguments.threads)
    command = f"python -m benchmarks.scale rows --threads {arguments.threads}"
    store("scale/rows", {"command": command, "machine": machine(), "rows": rows})


if __name__ == "__main__":
    main()
