"""What judges and asks a registered model does without the packages that train."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TRAINING = (
    *("keras", "tensorflow", "onnx", "sklearn", "mapie", "distributed", "tensorboard"),
    *("xgboost", "optuna"),
)


@pytest.mark.parametrize("family", ["beats", "triage", "segmentation"])
def test_the_commands_load_nothing_of_the_extra_train(family: str) -> None:
    code = f"import sys; import ml.commands.{family}; print(sorted(set({TRAINING!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
