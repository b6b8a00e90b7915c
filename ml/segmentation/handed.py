"""Images that a child has read, as this process gets them; and what its own model says of them."""

import numpy as np

from ml.segmentation.decoder import told
from ml.segmentation.faults import Fault, VolumeError
from ml.segmentation.measuring import measure
from ml.segmentation.predicting import Segmented
from ml.segmentation.reading import Volume
from ml.segmentation.segments import CODES
from ml.segmentation.sent import Measured, opened, unpack


def volumes(answer: bytes | bytearray) -> list[Volume]:
    """Return the images of an answer.

    Raises
    ------
    VolumeError
        The fault that it tells, or CRASHED when it is incomplete or makes no sense.
    """
    header, blobs = opened(answer)
    try:
        affine, shape = np.array(header["affine"], np.float64), tuple(header["shape"])
        return [
            Volume(np.frombuffer(each, np.float32).reshape(shape, order="F"), affine, header["oriented"])
            for each in blobs
        ]
    except (ValueError, TypeError, LookupError):
        raise VolumeError(Fault.CRASHED) from None


def measured(images: list[Volume], segmented: Segmented) -> Measured:
    """Measure and draw what a model of this process said of images, on the first of them."""
    likely = {segment: segmented.probabilities[..., code] for segment, code in CODES.items()}
    figures = measure(segmented.codes, images[0].voxel_mm3, likely)
    return unpack(told(segmented.codes, images[0], figures, images[0]))
