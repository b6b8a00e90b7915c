"""What is kept of a label map or an image: a NIfTI file written anew from voxels and geometry alone."""

import gzip
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from ml.segmentation.reading import Codes, Volume

MEDIA_TYPE = "application/gzip"


def write(codes: Codes, volume: Volume) -> bytes:
    """Return codes as a gzipped NIfTI file whose header says where voxels lie, and nothing else."""
    return _written(np.asarray(codes, np.uint8), volume, 6)


def write_image(volume: Volume) -> bytes:
    """Return an image in the same way; its noise does not get much smaller, so little time is spent on it."""
    return _written(np.asarray(volume.data, np.float32), volume, 1)


def _written(data: NDArray[Any], volume: Volume, level: int) -> bytes:
    image = nib.Nifti1Image(data, volume.affine)
    image.set_sform(volume.affine, code=int(volume.oriented))
    image.set_qform(volume.affine, code=int(volume.oriented))
    image.header.set_xyzt_units("mm")
    return gzip.compress(image.to_bytes(), level, mtime=0)
