from dataclasses import dataclass

from PIL import Image

from ml.ecg.signal import Signal


@dataclass(frozen=True)
class Reading:
    """What a reader makes of a file, or of a page of it.

    Attributes
    ----------
    media_type : str
        Of `original`.
    original : bytes
        The file or page again, holding nothing that identifies anyone.
    content : Signal or PIL.Image.Image
        Voltages, or the upright picture in mode L or RGB.
    """

    media_type: str
    original: bytes
    content: Signal | Image.Image
