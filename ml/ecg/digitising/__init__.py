"""Paper to signal: a printed ECG, scanned or photographed, as voltages, with how far each can be believed."""

from ml.ecg.digitising.digitise import digitise
from ml.ecg.digitising.digitised import Digitised, DigitisingError, Quality, Refusal, Trace

__all__ = ["Digitised", "DigitisingError", "Quality", "Refusal", "Trace", "digitise"]
