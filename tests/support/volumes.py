"""Small NIfTI files, some of them lying."""

import gzip
import io
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
SHAPE = (12, 14, 10)


def label_map(shape: tuple[int, int, int] = SHAPE) -> NDArray[np.uint8]:
    """Return oedema around enhancing tumour around necrosis, and a second piece of oedema far away."""
    data = np.zeros(shape, np.uint8)
    data[2:8, 2:8, 2:8] = 2
    data[3:6, 3:6, 3:6] = 4
    data[4, 4, 4] = 1
    data[-1, -1, -1] = 2
    return data


def nifti(data: NDArray[Any], affine: Any = LPS, kind: type[Any] = nib.Nifti1Image, **header: Any) -> bytes:
    """Return data as an uncompressed NIfTI file, its header changed afterwards."""
    image = kind(data, affine)
    image.header.set_xyzt_units("mm")
    raw = bytearray(image.to_bytes())
    if header:
        changed = type(image.header).from_fileobj(io.BytesIO(bytes(raw)), check=False)
        for name, value in header.items():
            changed[name] = value
        block = changed.binaryblock
        raw[: len(block)] = block
    return bytes(raw)


def save(path: Path, raw: bytes, *, zipped: bool = True) -> Path:
    path.write_bytes(gzip.compress(raw, 1, mtime=0) if zipped else raw)
    return path
