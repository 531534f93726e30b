"""What a start of `spinecast assess` costs, beside `import numpy`: `make bench`.

Fresh processes with compiled bytecode, one thread, interleaved; CPU time of each with all that it loads, so that a busy machine
slows both sides. A ratio of 0.2 means five times as much as importing numpy. Puts its entries into results.json.
"""

from __future__ import annotations

import compileall
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from results import merge, row

import spinecast

REPEATS = 15
EXAMPLE = Path(__file__).parents[1] / "examples" / "suitcase.toml"
IMPORTS = "import spinecast.cli.assess, spinecast.assessment.assess, spinecast.report.letter"
COMMANDS = {
    "import numpy": ("-c", "import numpy"),
    "start: imports of assess": ("-c", IMPORTS),
    "start: assess of one patient, depth 3, 200 draws": ("-m", "spinecast", "assess", str(EXAMPLE)),
}


def cpu(arguments: Sequence[str]) -> float:
    """Seconds of CPU of one fresh interpreter."""
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], env={**os.environ, **threads}, stdout=subprocess.DEVNULL, check=True)  # noqa: S603  our own interpreter
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    compileall.compile_dir(Path(spinecast.__file__).parent, quiet=1)
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(REPEATS):
        for name, arguments in COMMANDS.items():
            seconds[name].append(cpu(arguments))
    other = seconds.pop("import numpy")
    merge([row(f"{name} / import numpy", ours, other, "seconds of CPU") for name, ours in seconds.items()])


if __name__ == "__main__":
    main()
