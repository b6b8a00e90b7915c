"""What decoding an upload gives, and the closed list of ways it fails. Light: no numpy, pydicom or Pillow."""

from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

MAX_FILE_BYTES = 200_000_000
MAX_PIXELS = 100_000_000
"""Of all pages together."""
MOST_PAGES = 10
MAX_LEADS = 32
MAX_VALUES = 60_000_000
"""Samples of all leads together: 24 hours of 3 leads at 200 Hz are 51.8 million."""


class DecodeFailure(Enum):
    """Why a file gave no ECG, or paper no signal; callers turn each into a sentence that says what to do."""

    UNSUPPORTED_TYPE = "unsupported_type"
    EMPTY = "empty"
    TOO_LARGE = "too_large"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_SMALL = "too_small"
    TOO_MANY_PAGES = "too_many_pages"
    TOO_LONG = "too_long"
    DAMAGED = "damaged"
    NO_WAVEFORM = "no_waveform"
    UNSUPPORTED_VARIANT = "unsupported_variant"
    ENCRYPTED = "encrypted"
    UNSAFE = "unsafe"
    INCOMPLETE = "incomplete"
    SEVERAL_RECORDS = "several_records"
    TIMED_OUT = "timed_out"
    CRASHED = "crashed"
    TOO_COARSE = "too_coarse"
    NO_GRID = "no_grid"
    NO_TRACE = "no_trace"
    UNKNOWN_LAYOUT = "unknown_layout"


class DecodeError(Exception):
    """The one error of decoding: a code, and never a word of the file's content."""

    def __init__(self, code: DecodeFailure) -> None:
        super().__init__(code.value)
        self.code = code


@dataclass(frozen=True)
class Decoded:
    """A file, or one page of it, made safe to keep and to show.

    Attributes
    ----------
    kind : "image" or "signal"
        A picture of an ECG, or voltages that were drawn on calibrated paper.
    media_type : str
        Of `original`.
    original : bytes
        What is kept, without anything identifying: a signal as a DICOM waveform object written anew from
        its voltages, whatever format it came in (`ml.ecg.readers.kept`), a picture as its re-encoded pixels.
        Names printed *in* a picture are still there.
    rendering, rendering_media_type
        What the browser shows; the same bytes as `original` for a picture of ordinary size.
    thumbnail_webp : bytes
        About 480 pixels wide.
    width, height : int
        Pixels of `rendering`.
    pixels_per_mm : float or None
        Scale of `rendering` at 25 mm/s and 10 mm/mV; None for a picture, whose scale is unknown.
    leads, sampling_rate_hz, duration_s
        Of a signal; empty and None for a picture.
    paper : dict or None
        Of a signal that was read off a picture: how, and where its traces lie (`ml.ecg.digitiser`).
    """

    kind: Literal["image", "signal"]
    media_type: str
    original: bytes
    rendering: bytes
    rendering_media_type: str
    thumbnail_webp: bytes
    width: int
    height: int
    pixels_per_mm: float | None = None
    leads: tuple[str, ...] = ()
    sampling_rate_hz: float | None = None
    duration_s: float | None = None
    paper: dict[str, Any] | None = None
