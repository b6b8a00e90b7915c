"""How fast a label map of 240×240×155 voxels is read and measured, in process and on one core.

`python -m tests.bench.segmentation` measures in a process of its own.
"""

import gzip
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from tests.bench.servers import ROOT

SHAPE = (240, 240, 155)
ROUNDS = 15
MOST_MS = 500.0


@dataclass(frozen=True)
class Report:
    """Milliseconds of the processor: of a label map, and of one with pictures, kept anew."""

    volumes_ms: float
    slowest_ms: float
    whole_ms: float

    def lines(self) -> Iterator[str]:
        """Yield the lines of the table."""
        verdict = "MISSED" if self.missed() else "kept"
        yield (
            f"{verdict:<7} volumes and pieces of a {'×'.join(map(str, SHAPE))} label map: median "
            f"{self.volumes_ms:.0f} ms, slowest {self.slowest_ms:.0f} ms of one core (at most {MOST_MS:g})"
        )
        yield f"        with three slices drawn and the map kept anew: median {self.whole_ms:.0f} ms"

    def missed(self) -> bool:
        """Return whether it took too long."""
        return self.volumes_ms > MOST_MS


def measure() -> Report:
    """Measure in a fresh process."""
    command = [sys.executable, "-m", "tests.bench.segmentation"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"segmentation failed:\n{done.stdout}{done.stderr}")
    return Report(**json.loads(done.stdout))


def _main() -> None:
    from ml.segmentation.decoder import read_sent  # noqa: PLC0415 - in the fresh process only
    from ml.segmentation.measuring import measure as figures_of  # noqa: PLC0415 - the same
    from ml.segmentation.reading import read, segments_of  # noqa: PLC0415 - the same
    from tests.support.volumes import nifti  # noqa: PLC0415 - the same

    draw = np.random.default_rng(0)
    data = np.zeros(SHAPE, np.uint8)
    data[90:150, 100:160, 50:100] = draw.choice([0, 1, 2, 4], (60, 60, 50)).astype(np.uint8)
    alone, whole = [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labelMap"
        path.write_bytes(gzip.compress(nifti(data), 6))
        labels = {"1": "necrotic", "2": "edema", "4": "enhancing"}
        (Path(folder) / "request.json").write_text(json.dumps({"labels": labels}), encoding="utf-8")
        for _ in range(ROUNDS):
            begun = time.process_time()
            volume = read(path)
            figures_of(segments_of(volume), volume.voxel_mm3)
            alone.append(1000 * (time.process_time() - begun))
            begun = time.process_time()
            read_sent(Path(folder))
            whole.append(1000 * (time.process_time() - begun))
    report = Report(float(np.median(alone)), max(alone), float(np.median(whole)))
    print(json.dumps(asdict(report)))


if __name__ == "__main__":
    _main()
