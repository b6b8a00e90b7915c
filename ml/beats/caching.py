"""Arrays that are made once and kept, whoever of several processes makes them."""

from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import numpy as np
import numpy.typing as npt


def keep_arrays(path: Path, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
    """Write arrays so that nobody finds a half-written file under this name, nor one written by two."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{uuid4().hex}.npz")
    try:
        np.savez(partial, allow_pickle=False, **arrays)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
