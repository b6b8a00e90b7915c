"""Adding another ontology's names and concepts to ours, and listing the names it gives to the wrong ones."""

from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import replace

from ml.language.alignment import Alignment
from ml.language.checking import Fault
from ml.language.concepts import Category, Concept, Kind, MeasuredRange
from ml.language.foreign import ForeignConcept, above
from ml.language.hierarchy import groups
from ml.language.lexicon import name_keys
from ml.language.measuring import measure
from ml.language.normalising import fold, plain
from ml.language.ontology import Ontology
from ml.language.types import Polarity


class Merger:
    """What becomes of the other ontology's names.

    Parameters
    ----------
    source
        Begins the identifiers of the concepts that only the other ontology has.

    Attributes
    ----------
    faults
        Every name that was left out, and why.
    """

    def __init__(self, alignment: Alignment, source: str) -> None:
        self.faults: list[Fault] = []
        self._alignment = alignment
        self._ours = alignment.ours
        self._foreign = alignment.foreign
        beside = [
            each for each in self._foreign.values() if each.id not in alignment.inward and not each.grouping
        ]
        new = {each.id: f"{source}:{each.id}" for each in beside}
        self.inward = {**alignment.inward, **new}
        self.outward = {**alignment.outward, **{ours: theirs for theirs, ours in new.items()}}
        self._standing = self._nearest()
        self._new = [self._concept(each) for each in beside]

    def merged(self) -> Ontology:
        """Return ours with the names they give, and the concepts only they have."""
        given = self._given()
        added: dict[str, list[str]] = defaultdict(list)
        for name, target in given.values():
            if target not in self._ours or plain(name) not in self._names(target):
                added[target].append(name)
        labels = frozenset(plain(each.label_fr) for each in self._new)
        ours = [
            replace(
                each,
                synonyms_fr=(*_kept(each, each.synonyms_fr, given, labels), *added[each.id]),
                synonyms_en=_kept(each, each.synonyms_en, given, labels),
            )
            for each in self._ours.concepts
        ]
        theirs = [
            replace(
                each,
                synonyms_fr=tuple(name for name in added[each.id] if plain(name) != plain(each.label_fr)),
            )
            for each in self._new
        ]
        return Ontology([*ours, *theirs])

    def _names(self, concept: str) -> set[str]:
        entry = self._ours.concept(concept)
        return {plain(name) for name in entry.every_name}

    def _concept(self, foreign: ForeignConcept) -> Concept:
        label = foreign.label
        return Concept(
            id=self.inward[foreign.id],
            label_fr=label,
            label_en=label,
            category=Category.TERRITORY if foreign.kind is Kind.TERRITORY else Category.DISEASE,
            kind=foreign.kind,
            severity=foreign.severity,
            parents=_joined(self._standing, foreign.parents),
            range=_range_of(label),
        )

    def _nearest(self) -> dict[str, tuple[str, ...]]:
        """Return what stands for each concept, or for its parents where it is only a shelf."""
        standing: dict[str, tuple[str, ...]] = {}
        for (each,) in groups({each.id: each.parents for each in self._foreign.values()}):
            known = self.inward.get(each)
            standing[each] = (known,) if known else _joined(standing, self._foreign[each].parents)
        return standing

    def _given(self) -> dict[tuple[str, ...], tuple[str, str]]:
        """Return the names the other ontology adds to ours or takes from them, and who gets each."""
        claimants: dict[tuple[str, ...], list[tuple[ForeignConcept, str]]] = defaultdict(list)
        for foreign in self._foreign.values():
            for name in foreign.names:
                keys = name_keys(name)
                if keys and foreign.id in self.inward and not measure(fold(name)):
                    claimants[keys].append((foreign, name))
        given: dict[tuple[str, ...], tuple[str, str]] = {}
        for keys, listed in claimants.items():
            foreign, name = self._owner(listed)
            target = self.inward[foreign.id]
            fault = None if name == foreign.label else self._contradiction(name, foreign, target)
            if fault:
                self.faults.append(fault)
            elif self._changes_hands(keys, foreign, name):
                given[keys] = name, target
        return given

    def _owner(self, listed: Sequence[tuple[ForeignConcept, str]]) -> tuple[ForeignConcept, str]:
        """Choose among the concepts that claim one name: the clinical sense, then the one with that label."""
        sense = self.outward.get(self._alignment.owner(listed[0][1]) or "")
        best = min(listed, key=lambda pair: (pair[0].id != sense, pair[0].label != pair[1], pair[0].grouping))
        for foreign in dict.fromkeys(each.id for each, _ in listed):
            if foreign != best[0].id:
                self.faults.append(Fault(f"concepts.{foreign}.synonyms", "name_taken", (best[1], best[0].id)))
        return best

    def _contradiction(self, name: str, foreign: ForeignConcept, target: str) -> Fault | None:
        """Say what is wrong with a name, when it states the opposite of its concept or something else."""
        place = f"concepts.{foreign.id}.synonyms"
        if plain(name) in self._alignment.set_aside.get(foreign.id, frozenset()):
            return Fault(place, "set_aside", (name,))
        if target not in self._ours:
            return None
        for claim in self._alignment.read(name):
            if self._ours.within(target, claim.concept) and claim.polarity is Polarity.ABSENT:
                return Fault(place, "denies", (name, target))
            if claim.polarity is Polarity.PRESENT and self._ours.exclude_each_other(claim.concept, target):
                return Fault(place, "states_excluded", (name, claim.concept, target))
        return None

    def _changes_hands(self, keys: tuple[str, ...], foreign: ForeignConcept, name: str) -> bool:
        """Say whether a name is to be the other ontology's concept's, being nobody's or another's of ours.

        Our own labels stay, so does what reads more specifically, or as a finding in a place, with us.
        """
        if foreign.grouping and name == foreign.label:
            return False
        owner = self._alignment.owner(name)
        if owner is None:
            return not self._reads_already(name, self.inward[foreign.id])
        entry = self._ours.concept(owner)
        counterpart = self.outward.get(owner)
        if (
            entry.parts
            or counterpart == foreign.id
            or keys in {name_keys(each) for each in self._alignment.labels(owner)}
        ):
            return False
        return counterpart is None or foreign.id not in above(
            self._foreign[counterpart].parents, self._foreign
        )

    def _reads_already(self, name: str, target: str) -> bool:
        """Say whether a name is read as its concept, or as a finding and its place, without being listed."""
        read = [self._ours.concept(each.concept) for each in self._alignment.read(name)]
        places = target not in self._ours or self._ours.concept(target).kind is not Kind.TERRITORY
        return any(
            self._ours.within(each.id, target)
            or (places and each.kind is Kind.TERRITORY and target in self._ours)
            or (bool(each.parts) and each.kind is not Kind.TERRITORY)
            for each in read
        )


def _joined(standing: Mapping[str, tuple[str, ...]], parents: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each for up in parents for each in standing[up]))


def _kept(
    concept: Concept,
    names: Sequence[str],
    given: Mapping[tuple[str, ...], tuple[str, str]],
    labels: Container[str],
) -> tuple[str, ...]:
    """Return the names of a concept that were not given to another, or to itself in another spelling.

    The label of a concept that only the other ontology has is that one's.
    """
    return tuple(
        name
        for name in names
        if given.get(name_keys(name), ("", concept.id))[1] == concept.id and plain(name) not in labels
    )


def _range_of(label: str) -> MeasuredRange | None:
    """Return the range a label such as `QRS > 120 ms` spells out."""
    measured = measure(fold(label))
    if len(measured) != 1:
        return None
    value, bound = measured[0].measurement.value, measured[0].low
    if bound == value:
        return None
    name = measured[0].measurement.name
    return MeasuredRange(name, above=value) if bound > value else MeasuredRange(name, below=value)
