"""What is made once and kept: by several processes at the same time, too."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest

from ml.beats.caching import keep_arrays


def test_several_that_make_the_same_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    path, together = tmp_path / "cache" / "made.npz", Barrier(4)

    def make(_: int) -> None:
        together.wait()
        keep_arrays(path, {"x": np.arange(200_000)})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(make, range(4)))

    assert [each.name for each in path.parent.iterdir()] == ["made.npz"]
    with np.load(path) as arrays:
        assert (arrays["x"] == np.arange(200_000)).all()


def test_what_could_not_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="allow_pickle"):
        keep_arrays(tmp_path / "made.npz", {"x": np.array([{}], dtype=object)})
    assert not list(tmp_path.iterdir())
