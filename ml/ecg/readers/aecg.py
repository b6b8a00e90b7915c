"""HL7's annotated ECG (aECG, `AnnotatedECG`): the series of the rhythm, not the beats derived from it."""

from pathlib import Path
from xml.etree.ElementTree import Element

from ml.ecg.decoded import DecodeError, DecodeFailure
from ml.ecg.leads import lead_from_text
from ml.ecg.readers.channels import Channel, assemble, calibrated, check_size, unit_mv
from ml.ecg.readers.xml import numbers_of, parse, root_name
from ml.ecg.signal import Signal

_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
_LEADS = "MDC_ECG_LEAD_"


def recognises(head: bytes) -> bool:
    """Say whether the document is an annotated ECG."""
    return root_name(head) == "AnnotatedECG"


def read(path: Path) -> Signal:
    """Read the sequence set with most leads and samples of any series.

    Raises
    ------
    DecodeError
        NO_WAVEFORM without a sequence of a lead, UNSUPPORTED_VARIANT for leads as integers without a unit.
    """
    sets = (found for series in parse(path).iter("series") for found in series.iter("sequenceSet"))
    found = max(map(_Sequences, sets), key=_Sequences.size, default=None)
    if found is None or not found.leads:
        raise DecodeError(DecodeFailure.NO_WAVEFORM)
    check_size(2, len(found.leads))
    return assemble([_channel(code, value) for code, value in found.leads], found.rate())


class _Sequences:
    """The sequences of a set: one of time, the others of leads."""

    def __init__(self, sequence_set: Element) -> None:
        coded = [
            (_attribute(sequence, "code", "code"), value)
            for sequence in sequence_set.iter("sequence")
            if (value := sequence.find("value")) is not None
        ]
        self.leads = [(code, value) for code, value in coded if code.startswith(_LEADS)]
        self._times = [value for code, value in coded if code.startswith("TIME_")]

    def size(self) -> int:
        """Return about how much was recorded."""
        return sum(len(value.findtext("digits", "")) for _, value in self.leads)

    def rate(self) -> float:
        """Return samples per second from the increment of time."""
        (time,) = self._times
        return 1 / (float(_attribute(time, "increment", "value")) * _SECONDS[_unit(time, "increment")])


def _channel(code: str, value: Element) -> Channel:
    if value.find("scale") is None:
        raise DecodeError(DecodeFailure.UNSUPPORTED_VARIANT)
    counts = numbers_of(value.findtext("digits"))
    check_size(len(counts), 1)
    offset = value.find("origin") is not None
    return calibrated(
        lead_from_text(code),
        counts,
        gain_mv=float(_attribute(value, "scale", "value")) * unit_mv(_unit(value, "scale")),
        offset_mv=float(_attribute(value, "origin", "value")) * unit_mv(_unit(value, "origin"))
        if offset
        else 0.0,
    )


def _attribute(parent: Element, name: str, attribute: str) -> str:
    child = parent.find(name)
    return "" if child is None else child.get(attribute, "")


def _unit(parent: Element, name: str) -> str:
    return _attribute(parent, name, "unit")
