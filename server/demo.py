"""The one real ECG that every installation has."""

from importlib.util import find_spec
from pathlib import Path


def demo_ecg() -> Path:
    """Return the real 12-lead recording that pydicom ships, found without importing pydicom."""
    spec = find_spec("pydicom")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("pydicom is not installed")
    return Path(spec.origin).parent / "data" / "test_files" / "waveform_ecg.dcm"
