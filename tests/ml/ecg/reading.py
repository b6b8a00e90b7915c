"""What a test asks of a file: its signal, or why there is none."""

from pathlib import Path

import pytest

from ml.ecg.decoded import DecodeError, DecodeFailure
from ml.ecg.readers import Reading, read
from ml.ecg.signal import Signal


def only_page(path: Path) -> Reading:
    """Return the one page of a file."""
    [page] = read(path)
    return page


def signal_of(path: Path) -> Signal:
    content = only_page(path).content
    assert isinstance(content, Signal)
    return content


def failure_of(path: Path) -> DecodeFailure:
    with pytest.raises(DecodeError) as caught:
        read(path)
    return caught.value.code


def put(path: Path, data: bytes) -> Path:
    """Write a file and return where it is."""
    path.write_bytes(data)
    return path
