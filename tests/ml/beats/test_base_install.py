"""What judges and asks a registered model does without the packages that train."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
TRAINING = ("keras", "tensorflow", "onnx", "sklearn", "mapie", "distributed", "tensorboard")


def test_the_commands_load_nothing_of_the_extra_train() -> None:
    code = f"import sys; import ml.commands.beats; print(sorted(set({TRAINING!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
