"""What experts write of concepts, read into an ontology, and the faults it would bring in their words."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from ml.language.checking import Fault
from ml.language.concepts import Category, Concept, Kind, MeasuredRange, Severity
from ml.language.normalising import plain
from ml.language.ontology import Ontology
from schema.errors import FieldProblem, ValidationFailedError
from schema.services.text import line

LONGEST_NAME = 120
MOST_NAMES = 60
MOST_REFERENCES = 60
MOST_SYSTEMS = 20
SYSTEM = re.compile(r"[a-z][a-z0-9_-]{0,31}")
REFERENCES = ("parents", "excludes", "parts", "supports", "against")


@dataclass(frozen=True, slots=True)
class ConceptDraft:
    """What an expert writes of a concept; other concepts are named by code or by any of their names."""

    label_fr: str
    label_en: str
    category: Category
    kind: Kind
    severity: Severity | None = None
    synonyms_fr: Sequence[str] = ()
    synonyms_en: Sequence[str] = ()
    parents: Sequence[str] = ()
    excludes: Sequence[str] = ()
    parts: Sequence[str] = ()
    requires: Sequence[Sequence[str]] = ()
    supports: Sequence[str] = ()
    against: Sequence[str] = ()
    absence: str | None = None
    range: MeasuredRange | None = None
    codes: Sequence[tuple[str, str]] = ()


class DraftReader:
    """Reads drafts into concepts of one ontology, and gathers what is wrong with them."""

    def __init__(self, ontology: Ontology) -> None:
        self._ontology = ontology
        self._problems: list[FieldProblem] = []

    def concept(self, code: str, draft: ConceptDraft) -> Concept:
        """Return the concept of a draft; raises ValidationFailedError with all that is wrong."""
        concept = Concept(
            id=code,
            label_fr=self._line(draft.label_fr, "labelFr"),
            label_en=self._line(draft.label_en, "labelEn"),
            category=draft.category,
            kind=draft.kind,
            severity=draft.severity,
            synonyms_fr=self._names(draft.synonyms_fr, "synonymsFr"),
            synonyms_en=self._names(draft.synonyms_en, "synonymsEn"),
            requires=self._alternatives(draft.requires),
            absence=self._reference(draft.absence, "absence") if draft.absence else None,
            range=self._range(draft.range),
            codes=self._codes(draft.codes),
            **{name: self._references(getattr(draft, name), name) for name in REFERENCES},
        )
        if self._problems:
            raise ValidationFailedError(self._problems)
        return concept

    def _line(self, text: str, path: str) -> str:
        tidy, problems = line(text, path, LONGEST_NAME)
        self._problems += problems
        return tidy

    def _names(self, names: Sequence[str], path: str) -> tuple[str, ...]:
        self._count(names, path, MOST_NAMES)
        listed = names[:MOST_NAMES]
        return tuple(dict.fromkeys(self._line(each, f"{path}.{at}") for at, each in enumerate(listed)))

    def _alternatives(self, sets: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
        self._count(sets, "requires", MOST_REFERENCES)
        listed = enumerate(sets[:MOST_REFERENCES])
        return tuple(self._references(each, f"requires.{at}") for at, each in listed)

    def _references(self, named: Sequence[str], path: str) -> tuple[str, ...]:
        self._count(named, path, MOST_REFERENCES)
        listed = named[:MOST_REFERENCES]
        return tuple(dict.fromkeys(self._reference(each, f"{path}.{at}") for at, each in enumerate(listed)))

    def _reference(self, named: str, path: str) -> str:
        if named in self._ontology:
            return named
        found = self._by_name.get(plain(named))
        if found is None:
            self._problems.append(
                FieldProblem(tuple(path.split(".")), "no_such_concept", (("name", named[:LONGEST_NAME]),))
            )
        return found or named

    @cached_property
    def _by_name(self) -> dict[str, str]:
        return {plain(name): each.id for each in self._ontology.concepts for name in each.every_name}

    def _range(self, bounds: MeasuredRange | None) -> MeasuredRange | None:
        if bounds is None:
            return None
        given = (bounds.above, bounds.at_least, bounds.below, bounds.at_most)
        if all(each is None for each in given):
            self._problems.append(FieldProblem(("range",), "range_without_bound"))
        return bounds

    def _codes(self, codes: Sequence[tuple[str, str]]) -> dict[str, str]:
        self._count(codes, "codes", MOST_SYSTEMS)
        read: dict[str, str] = {}
        for at, (system, value) in enumerate(codes[:MOST_SYSTEMS]):
            if not SYSTEM.fullmatch(system):
                self._problems.append(FieldProblem(("codes", str(at), "system"), "bad_code_system"))
            elif system in read:
                self._problems.append(FieldProblem(("codes", str(at), "system"), "code_system_twice"))
            read[system] = self._line(value, f"codes.{at}.value")
        return read

    def _count(self, listed: Sequence[object], path: str, most: int) -> None:
        if len(listed) > most:
            self._problems.append(FieldProblem((path,), "too_many", (("maximum", str(most)),)))


def problem_of(fault: Fault, concept: Concept | None, before: Ontology) -> FieldProblem:
    """Return a fault of the whole ontology as a problem of the concept that was being changed."""
    match fault.code, concept:
        case "name_taken", Concept():
            name, owner = fault.values
            blamed = _place_id(fault.place)
            other = blamed if owner == concept.id else owner
            label = before.concept(other).label_fr if other in before else other
            return FieldProblem((_field_of(name, concept),), "name_taken", (("name", name), ("owner", label)))
        case "cycle", Concept():
            return FieldProblem(("parents",), "own_ancestor")
        case "self_excluded", Concept():
            return FieldProblem(("excludes",), "excluded_within")
        case _:
            other = _place_id(fault.place)
            label = before.concept(other).label_fr if other in before else other
            return FieldProblem(("id",), "concept_in_use", (("name", label),))


def _place_id(place: str) -> str:
    return place.split(".")[1]


def _field_of(name: str, concept: Concept) -> str:
    fields: Iterable[tuple[str, Sequence[str]]] = (
        ("labelFr", (concept.label_fr,)),
        ("labelEn", (concept.label_en,)),
        ("synonymsFr", concept.synonyms_fr),
    )
    return next(
        (field for field, names in fields if plain(name) in map(plain, names)),
        "synonymsEn",
    )
