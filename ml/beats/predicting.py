"""A trained beat classifier as it answers: NumPy, SciPy and ONNX Runtime, no TensorFlow."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import numpy.typing as npt

from ml.beats.assessing import Finding, before_peaks, quality_of, usable, with_peaks
from ml.beats.quality import Quality, Reason, Verdict
from ml.beats.settings import Settings
from ml.beats.showing import SHOWN, Arrays
from ml.beats.tempering import Probabilities, tempered
from ml.ecg.rpeaks.detector import detect_r_peaks
from ml.ecg.signal import Signal
from ml.registry.artefact import Artefact
from ml.registry.contents import EXAMPLES, GRAPH
from ml.registry.graphs import loaded, parity
from ml.registry.predictor import LoadError

Indices = npt.NDArray[np.int64]

MAX_DURATION_S = 3600.0
"""Of a longer recording the first hour is read, and the answer says so (`Reason.CUT`)."""

FIRST_LEADS = ("II", "MLII", "MLI", "I", "aVF", "-aVR", "CM5", "CS5", "CC5", "V5", "V6", "V4", "aVL", "III")
SECOND_LEADS = ("V1", "MCL1", "V2", "V5", "MLII", "V4", "V3", "V6", "I", "aVF", "aVL", "III")
LIKE_II = ("II", "MLII")
UNCERTAIN_SHARE = 0.4
BATCH = 256

PATCH_S = 0.06
STEP_S = 0.012


@dataclass(frozen=True, eq=False)
class BeatAnswer:
    """What is said of a recording; without beats where its quality is insufficient.

    Parameters
    ----------
    classes : tuple of str
        The names that labels are places in: Normal, LBBB, RBBB, APB, PVC.
    positions : ndarray of int64, shape (n_beats,)
        Samples of the R peaks in the recording as it was given, ascending.
    labels : ndarray of uint8, shape (n_beats,)
        The most likely class.
    probabilities : ndarray of float32, shape (n_beats, n_classes)
        Calibrated; each row sums to 1.
    sets : ndarray of bool, shape (n_beats, n_classes)
        The conformal sets; empty where no class is likely enough.
    quality : Quality
        How far to trust it.
    leads : tuple of str
        Which leads were read, as the recording spells them: one or two, none where none can be.
    sampling_rate_hz : float
        The recording's.
    """

    classes: tuple[str, ...]
    positions: Indices
    labels: npt.NDArray[np.uint8]
    probabilities: Probabilities
    sets: npt.NDArray[np.bool_]
    quality: Quality
    leads: tuple[str, ...]
    sampling_rate_hz: float

    @property
    def confidences(self) -> Probabilities:
        """Return the calibrated probability of each beat's label."""
        return self.probabilities[np.arange(len(self.labels)), self.labels]


@dataclass(frozen=True, eq=False)
class Saliency:
    """What a beat's class hangs on.

    Parameters
    ----------
    start : int
        The sample of the recording that the first weight stands at; negative where that is before it begins.
    weights : ndarray of float32, shape (n_samples,)
        By how much hiding the surroundings of each sample lowers the probability of the class; 0 at least.
    label : int
        The class.
    """

    start: int
    weights: npt.NDArray[np.float32]
    label: int


class BeatPredictor:
    """One version of the classifier; may be asked from several threads.

    Parameters
    ----------
    artefact : Artefact
        Verified.

    Raises
    ------
    LoadError
        When its graph cannot be used, or is not what the manifest says.
    """

    def __init__(self, artefact: Artefact) -> None:
        manifest = artefact.manifest
        if manifest.architecture not in SHOWN:
            raise LoadError(f"the architecture {manifest.architecture} is not known here")
        self._artefact = artefact
        self._manifest = manifest
        self._settings = Settings.from_json(manifest.settings, manifest.classes)
        self._shown = SHOWN[manifest.architecture]
        self._session = loaded(artefact.read(GRAPH))
        found = [(each.name, len(each.shape)) for each in self._session.get_inputs()]
        if found != [(each.name, len(each.shape)) for each in manifest.inputs]:
            raise LoadError(f"the graph takes {found}, which is not what the manifest says")

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the names of the classes."""
        return self._manifest.classes

    def warm_up(self) -> None:
        """Answer the artefact's examples."""
        self.answered(self._examples()[0])

    def verify_examples(self) -> float:
        """Hold the graph's answers against those of the model it was made of; return the largest difference.

        Raises
        ------
        LoadError
            When it is above `MAX_PARITY`.
        """
        shown, expected = self._examples()
        return parity(self.answered(shown), expected)

    def predict(self, signal: Signal) -> BeatAnswer:
        """Find the beats of a recording and classify them; any signal gets a bounded answer."""
        rate = signal.sampling_rate_hz
        longest = int(min(MAX_DURATION_S * rate, len(signal.samples_mv)))
        samples, findings = signal.samples_mv[:longest], list[Finding]()
        if longest < len(signal.samples_mv):
            findings.append((Reason.CUT, Verdict.HIGH))
        chosen = self._chosen(samples, signal.leads, rate)
        if not chosen:
            findings += before_peaks(_lead(samples, 0), rate)
            return self._nothing(signal, quality_of(findings))
        names = tuple(signal.leads[each] for each in chosen)
        first = _lead(samples, chosen[0])
        findings += before_peaks(first, rate)
        peaks = detect_r_peaks(first, rate)
        findings += with_peaks(first, rate, peaks, upright=names[0] in LIKE_II)
        findings += self._missing(names)
        if quality_of(findings).verdict is Verdict.INSUFFICIENT:
            return self._nothing(signal, quality_of(findings), names)
        probabilities = self._classified(samples[:, chosen], rate, peaks)
        sets = self._sets(probabilities)
        findings += _strange(sets)
        return self._answer(signal, peaks, probabilities, sets, quality_of(findings), names)

    def classify(self, signal: Signal, peaks: Indices) -> BeatAnswer:
        """Classify beats whose R peaks are known, ascending samples of the recording, of whatever quality.

        Its first leads are read in their order.
        """
        names = signal.leads[: self._shown.leads]
        leads = signal.samples_mv[:, : len(names)]
        probabilities = self._classified(leads, signal.sampling_rate_hz, peaks)
        quality = quality_of([*self._missing(names)])
        return self._answer(signal, peaks, probabilities, self._sets(probabilities), quality, names)

    def saliency(
        self,
        signal: Signal,
        peaks: Indices,
        beat: int,
        leads: Sequence[str] = (),
        *,
        label: int | None = None,
    ) -> Saliency:
        """Return what the class of one beat hangs on, by hiding one short part of it after the other.

        Parameters
        ----------
        signal : Signal
            The recording, or a stretch of it.
        peaks : ndarray of int64
            All R peaks of it.
        beat : int
            Which of them.
        leads : sequence of str
            Those that were read (`BeatAnswer.leads`); chosen anew where none are given.
        label : int or None
            The class that is looked into, as it was answered; where none is given, what is most likely here.
            Of a sequence only the nearest beats are shown, so that a doubtful one may come out otherwise.
        """
        shown, rate = self._shown, signal.sampling_rate_hz
        inputs = shown.inputs(self._read(signal, leads), rate, peaks)
        masks = _patches(shown.length, PATCH_S * shown.rate_hz, STEP_S * shown.rate_hz)
        unhidden, *hidden = self._hiding(inputs, beat, np.concatenate([np.zeros_like(masks[:1]), masks]))
        label = int(unhidden.argmax()) if label is None else label
        falls = np.asarray([unhidden[label] - each[label] for each in hidden])
        weights = (masks * falls[:, None]).sum(axis=0) / masks.sum(axis=0)
        first, last = round(-shown.before_s * rate), round(shown.after_s * rate)
        at = (np.arange(first, last + 1) / rate + shown.before_s) * shown.rate_hz
        seen = np.interp(at, np.arange(shown.length), np.maximum(weights, 0))
        return Saliency(int(peaks[beat]) + first, seen.astype(np.float32), label)

    def hiding(
        self,
        signal: Signal,
        peaks: Indices,
        beat: int,
        hidden: npt.NDArray[np.bool_],
        leads: Sequence[str] = (),
    ) -> Probabilities:
        """Return the probabilities of a beat without some of its samples: straight lines in their place.

        Parameters
        ----------
        signal, peaks, beat, leads
            As for `saliency`.
        hidden : ndarray of bool, shape (n, n_samples)
            Of each try, which of the samples that `saliency` weighs are hidden.
        """
        shown, rate = self._shown, signal.sampling_rate_hz
        inputs = shown.inputs(self._read(signal, leads), rate, peaks)
        at = np.round(np.arange(shown.length) / shown.rate_hz * rate).astype(np.int64)
        return self._hiding(inputs, beat, hidden[:, np.minimum(at, hidden.shape[1] - 1)])

    def _read(self, signal: Signal, leads: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return the samples of these leads, or of those that would be chosen."""
        columns = [signal.leads.index(each) for each in leads]
        columns = columns or self._chosen(signal.samples_mv, signal.leads, signal.sampling_rate_hz) or [0]
        return signal.samples_mv[:, columns]

    def _hiding(self, inputs: Arrays, beat: int, masks: npt.NDArray[np.bool_]) -> Probabilities:
        """Return the probabilities of a beat with each of these parts hidden, calibrated."""
        hidden = self._shown.hide({name: array[beat] for name, array in inputs.items()}, masks)
        if not self._shown.sequence:
            return self._calibrated(self.answered(hidden))
        first = max(beat - self._shown.context, 0)
        around = {}
        for name, array in inputs.items():
            part = array[first : beat + self._shown.context + 1]
            around[name] = np.repeat(part[None], len(masks), axis=0)
            around[name][:, beat - first] = hidden[name]
        return self._calibrated(self.answered(around)[:, beat - first])

    def _classified(self, leads: npt.NDArray[np.float32], rate: float, peaks: Indices) -> Probabilities:
        """Return the calibrated probabilities of beats."""
        if not len(peaks):
            return np.zeros((0, len(self.classes)), np.float32)
        inputs = self._shown.inputs(leads, rate, peaks)
        if self._shown.sequence:
            return self._calibrated(self.answered({name: each[None] for name, each in inputs.items()})[0])
        pieces = [
            self.answered({name: each[start : start + BATCH] for name, each in inputs.items()})
            for start in range(0, len(peaks), BATCH)
        ]
        return self._calibrated(np.concatenate(pieces))

    def answered(self, inputs: Arrays) -> Probabilities:
        """Return what the graph answers to its inputs, not calibrated."""
        return np.asarray(self._session.run(None, dict(inputs))[0], np.float32)

    def _calibrated(self, probabilities: Probabilities) -> Probabilities:
        return tempered(probabilities, self._settings.temperature)

    def _sets(self, probabilities: Probabilities) -> npt.NDArray[np.bool_]:
        thresholds = np.asarray(self._settings.thresholds, np.float32)
        return np.asarray(probabilities >= thresholds)

    def leads_of(self, signal: Signal) -> tuple[str, ...]:
        """Return which leads of a recording `predict` reads, in their order: none where none is usable."""
        rate = signal.sampling_rate_hz
        return tuple(signal.leads[each] for each in self._chosen(signal.samples_mv, signal.leads, rate))

    def _chosen(self, samples: npt.NDArray[np.float32], leads: Sequence[str], rate: float) -> list[int]:
        """Return the columns to read: lead II or what is most like it, then V1 likewise, if they show any."""
        chosen: list[int] = []
        for preferred in (FIRST_LEADS, SECOND_LEADS)[: self._shown.leads]:
            left = [at for at in range(len(leads)) if at not in chosen]
            left.sort(key=lambda at: _rank(preferred, leads[at]))
            found = next((place for place in left if usable(_lead(samples, place), rate)), None)
            chosen += [] if found is None else [found]
        return chosen

    def _missing(self, names: Sequence[str]) -> Iterator[Finding]:
        if names[0] not in LIKE_II:
            yield Reason.MISSING_LEAD, Verdict.MEDIUM
        if len(names) < self._shown.leads:
            yield Reason.ONE_LEAD, Verdict.MEDIUM

    def _examples(self) -> tuple[Arrays, Probabilities]:
        """Return inputs of the graph, and what the model that it was made of answered."""
        with np.load(BytesIO(self._artefact.read(EXAMPLES)), allow_pickle=False) as arrays:
            shown = {each.name: arrays[each.name] for each in self._manifest.inputs}
            return shown, arrays["expected"]

    def _answer(  # noqa: PLR0913, PLR0917 - the parts of an answer
        self,
        signal: Signal,
        peaks: Indices,
        probabilities: Probabilities,
        sets: npt.NDArray[np.bool_],
        quality: Quality,
        names: tuple[str, ...],
    ) -> BeatAnswer:
        labels = probabilities.argmax(axis=1).astype(np.uint8)
        rate = signal.sampling_rate_hz
        return BeatAnswer(self.classes, peaks, labels, probabilities, sets, quality, names, rate)

    def _nothing(self, signal: Signal, quality: Quality, names: tuple[str, ...] = ()) -> BeatAnswer:
        none = np.zeros((0, len(self.classes)))
        sets = none.astype(np.bool_)
        return self._answer(signal, np.zeros(0, np.int64), none.astype(np.float32), sets, quality, names)


def load(artefact: Artefact) -> BeatPredictor:
    """Return the predictor of a verified artefact."""
    return BeatPredictor(artefact)


def _lead(samples: npt.NDArray[np.float32], place: int) -> npt.NDArray[np.float64]:
    return samples[:, place].astype(np.float64)


def _rank(preferred: Sequence[str], name: str) -> int:
    return preferred.index(name) if name in preferred else len(preferred)


def _strange(sets: npt.NDArray[np.bool_]) -> Iterator[Finding]:
    """Yield that the beats are unlike any it has learnt from: for too many, it is not one class."""
    if (sets.sum(axis=1) != 1).mean() > UNCERTAIN_SHARE:
        yield Reason.OUT_OF_DISTRIBUTION, Verdict.LOW


def _patches(length: int, size: float, step: float) -> npt.NDArray[np.bool_]:
    """Return masks of one part each that together cover a beat."""
    size, step = max(2, round(size)), max(1, round(step))
    starts = np.arange(-size + step, length, step)
    at = np.arange(length)
    return (at >= starts[:, None]) & (at < starts[:, None] + size)
