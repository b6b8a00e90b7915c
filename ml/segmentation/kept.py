"""What is kept of a label map: a NIfTI file written anew from voxels and geometry alone."""

import gzip

import nibabel as nib
import numpy as np

from ml.segmentation.reading import Codes, Volume

MEDIA_TYPE = "application/gzip"


def write(codes: Codes, volume: Volume) -> bytes:
    """Return codes as a gzipped NIfTI file whose header says where voxels lie, and nothing else."""
    image = nib.Nifti1Image(np.asarray(codes, np.uint8), volume.affine)
    image.set_sform(volume.affine, code=int(volume.oriented))
    image.set_qform(volume.affine, code=int(volume.oriented))
    image.header.set_xyzt_units("mm")
    return gzip.compress(image.to_bytes(), 6, mtime=0)
