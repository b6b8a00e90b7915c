"""What one concept of an ECG ontology is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ml.language.types import Language, Sex


class Category(StrEnum):
    """The shelf a concept is browsed under."""

    NORMAL = "normal"
    RATE = "rate"
    RHYTHM = "rhythm"
    CONDUCTION = "conduction"
    ISCHEMIA = "ischemia"
    HYPERTROPHY = "hypertrophy"
    MORPHOLOGY = "morphology"
    REPOLARISATION = "repolarisation"
    INTERVALS = "intervals"
    AXIS = "axis"
    DISEASE = "disease"
    METABOLIC = "metabolic"
    PACING = "pacing"
    TECHNICAL = "technical"
    TERRITORY = "territory"

    def label(self, language: Language) -> str:
        """Return the shelf's name for people."""
        french, english = _CATEGORY_LABELS[self]
        return french if language == "fr" else english


_CATEGORY_LABELS = {
    Category.NORMAL: ("Normalité", "Normality"),
    Category.RATE: ("Fréquence", "Rate"),
    Category.RHYTHM: ("Rythme", "Rhythm"),
    Category.CONDUCTION: ("Conduction", "Conduction"),
    Category.ISCHEMIA: ("Ischémie et infarctus", "Ischaemia and infarction"),
    Category.HYPERTROPHY: ("Hypertrophie", "Hypertrophy"),
    Category.MORPHOLOGY: ("Morphologie", "Morphology"),
    Category.REPOLARISATION: ("Repolarisation", "Repolarisation"),
    Category.INTERVALS: ("Intervalles", "Intervals"),
    Category.AXIS: ("Axe", "Axis"),
    Category.DISEASE: ("Maladies", "Diseases"),
    Category.METABOLIC: ("Métabolique et médicaments", "Metabolic and drugs"),
    Category.PACING: ("Stimulation", "Pacing"),
    Category.TECHNICAL: ("Technique", "Technical"),
    Category.TERRITORY: ("Territoire", "Territory"),
}


class Kind(StrEnum):
    """What sort of statement a concept makes."""

    DIAGNOSIS = "diagnosis"
    SIGN = "sign"
    MEASUREMENT = "measurement"
    QUALIFIER = "qualifier"
    TERRITORY = "territory"
    NORMALITY = "normality"


class Severity(StrEnum):
    """How much a concept matters to the patient in front of you."""

    MINOR = "minor"
    MODERATE = "moderate"
    MAJOR = "major"
    URGENT = "urgent"


class Measure(StrEnum):
    """What is measured on an ECG, by the name that numbers are read under."""

    RATE = "rate"
    ATRIAL_RATE = "atrial_rate"
    PR = "pr"
    QRS = "qrs"
    QT = "qt"
    QTC = "qtc"
    AXIS = "axis"
    SOKOLOW = "sokolow"
    P_DURATION = "p_duration"
    CORNELL = "cornell"
    PAUSE = "pause"
    ST = "st"


@dataclass(frozen=True, slots=True)
class MeasuredRange:
    """The values of one measurement that mean a concept.

    `above` and `below` are exclusive bounds, `at_least` and `at_most` inclusive ones; all in the
    measurement's own unit (`ml.language.types.Measurement`). `in_men` stands for `above` or `at_most` where
    the patient is known to be a man: the corrected QT (READING.md, rule 6).
    """

    measure: str
    above: float | None = None
    at_least: float | None = None
    below: float | None = None
    at_most: float | None = None
    in_men: float | None = None

    def contains(self, value: float, sex: Sex | None = None) -> bool:
        """Say whether `value` lies within every bound given."""
        above, at_most = self.above, self.at_most
        if sex == "male" and self.in_men is not None:
            above, at_most = (self.in_men if each is not None else None for each in (above, at_most))
        return (
            (above is None or value > above)
            and (self.at_least is None or value >= self.at_least)
            and (self.below is None or value < self.below)
            and (at_most is None or value <= at_most)
        )


@dataclass(frozen=True, slots=True)
class Concept:
    """One thing a text about an ECG can state.

    Attributes
    ----------
    parents
        Identifiers of more general concepts.
    excludes
        Identifiers of concepts that cannot be true of the same tracing; symmetric, inherited by descendants.
    parts
        Concepts that, named together in one phrase, state this one (ST elevation + inferior territory).
    requires
        Alternatives: sets of signs that, stated together, amount to this concept though it is not named.
    supports
        Signs that belong to the picture; those of `requires` count without being repeated.
    against
        Concepts that, firmly stated beside this one, show an error in the reasoning, without excluding it.
    absence
        The concept that denying this one states (no pathological Q wave), if the ontology has it.
    codes
        Codes elsewhere, by system: `snomed` (SNOMED CT), `scp` (SCP-ECG), `aha` (AHA/ACC/HRS statement).
    """

    id: str
    label_fr: str
    label_en: str
    category: Category
    kind: Kind
    severity: Severity | None = None
    synonyms_fr: tuple[str, ...] = ()
    synonyms_en: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    requires: tuple[tuple[str, ...], ...] = ()
    supports: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    absence: str | None = None
    range: MeasuredRange | None = None
    codes: Mapping[str, str] = field(default_factory=dict)

    def label(self, language: Language) -> str:
        """Return the concept's name for people."""
        return self.label_fr if language == "fr" else self.label_en

    def names(self, language: Language) -> tuple[str, ...]:
        """Return the label, then the synonyms, in one language."""
        if language == "fr":
            return (self.label_fr, *self.synonyms_fr)
        return (self.label_en, *self.synonyms_en)

    @property
    def every_name(self) -> tuple[str, ...]:
        """Return the names in both languages."""
        return (*self.names("fr"), *self.names("en"))
