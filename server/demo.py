"""The one real ECG that every installation has, and whether one is a demo."""

from importlib.util import find_spec
from pathlib import Path

from server.settings import Settings

PASSWORDS = "demo-passwords.txt"
"""Of a demo alone, in the data folder."""


def is_demo(settings: Settings) -> bool:
    """Return whether the site was filled as a demo."""
    return (settings.data_dir / PASSWORDS).is_file()


def demo_ecg() -> Path:
    """Return the real 12-lead recording that pydicom ships, found without importing pydicom."""
    spec = find_spec("pydicom")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("pydicom is not installed")
    return Path(spec.origin).parent / "data" / "test_files" / "waveform_ecg.dcm"
