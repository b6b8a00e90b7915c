"""Reading an ontology exported by WebProtégé as RDF/XML (OWL classes with labels and restrictions).

A class becomes a concept; `rdfs:subClassOf` its parents; restrictions on properties labelled
`ecg:requiresFinding`, `exclut` and `hasWeight` what it requires, excludes and weighs. Identifiers are made of
the French labels.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from xml.parsers import expat

from ml.language.checking import MOST_CONCEPTS, Fault, OntologyError
from ml.language.concepts import Kind, Severity
from ml.language.foreign import ForeignConcept, ForeignOntology, kind_of, sound
from ml.language.hierarchy import groups

if TYPE_CHECKING:
    from rdflib import Graph
    from rdflib.term import Node

_SEVERITIES = {"urgent": Severity.URGENT, "majeur": Severity.MAJOR, "moyen": Severity.MODERATE}
_REQUIRES, _EXCLUDES, _WEIGHS = "ecg:requiresFinding", "exclut", "hasWeight"
_PLACES = "Topographie"
_VALUES = {_WEIGHS, "hasElectrode", "ecg:hasOriginStructure", "hasOriginTerritory"}


def read_owl(path: Path) -> ForeignOntology:
    """Read an OWL file.

    Raises
    ------
    OntologyError
        When it is not RDF/XML or holds no class with a label; anything less is listed in `faults`.
    """
    from rdflib import Graph  # noqa: PLC0415 - importing it takes time that reading with our own never needs

    content = path.read_bytes()
    _refuse_entities(content)
    graph = Graph()
    try:
        graph.parse(data=content, format="xml")
    except Exception as error:  # whatever its parser stumbles over
        raise OntologyError([Fault("file", "not_rdf", (str(error),))]) from error
    found = sound(path.stem, iter(_Classes(graph)))
    if not found.concepts:
        raise OntologyError([Fault("file", "no_class")])
    return found


def _refuse_entities(content: bytes) -> None:
    """Raise OntologyError for XML that declares entities, which grow without end, or is none."""

    def declared(*_: object) -> None:
        raise OntologyError([Fault("file", "entities")])

    parser = expat.ParserCreate()
    parser.EntityDeclHandler = declared
    try:
        parser.Parse(content, True)  # noqa: FBT003 - its only way to say that nothing follows
    except (expat.ExpatError, ValueError, LookupError) as error:
        if isinstance(error, OntologyError):
            raise
        raise OntologyError([Fault("file", "not_rdf", (str(error),))]) from error


class _Classes:
    """The classes of a graph as concepts, in the order of their labels.

    Leads, structures of the heart and the weights are values of the others rather than concepts: what stands
    under a root that is mostly pointed to as such is left out.
    """

    def __init__(self, graph: "Graph") -> None:
        from rdflib import OWL, RDF, RDFS, SKOS, URIRef  # noqa: PLC0415 - the same

        self._graph = graph
        self._subclass, self._on, self._some = RDFS.subClassOf, OWL.onProperty, OWL.someValuesFrom
        self._label_of, self._names = RDFS.label, (RDFS.label, SKOS.altLabel)
        classes = [each for each in graph.subjects(RDF.type, OWL.Class) if isinstance(each, URIRef)]
        if len(classes) > MOST_CONCEPTS:
            raise OntologyError([Fault("file", "too_many_concepts", (str(MOST_CONCEPTS),))])
        self._labels: dict[Node, str] = {
            each: self._label(each, "fr") or self._label(each, "en") for each in classes
        }
        self._hidden = [each for each in graph.subjects(RDFS.label) if self._said(each) == "hide"]
        self._roots: dict[Node, frozenset[Node]] = {}
        self._places: set[Node] = set()
        self._climb()
        links: dict[Node, Counter[bool]] = defaultdict(Counter)
        for each in classes:
            for name, target in self._restrictions(each):
                for root in self._roots.get(target, ()):
                    links[root][name in _VALUES] += 1
        self._value_roots = {root for root, counted in links.items() if counted[True] > counted[False]}

    def __iter__(self) -> Iterator[ForeignConcept | Fault]:
        for each in sorted(self._labels, key=lambda node: (self._labels[node], str(node))):
            if not self._labels[each]:
                yield Fault(str(each), "no_label")
            elif not self._roots[each] or not self._roots[each] <= self._value_roots:
                yield self._concept(each)

    def _concept(self, node: "Node") -> ForeignConcept:
        label, linked = self._labels[node], self._linked(node)
        weights = [weight.lower() for weight in linked[_WEIGHS]]
        severity = next((_SEVERITIES[weight] for weight in weights if weight in _SEVERITIES), None)
        parents = [self._labels.get(up, "") for up in self._graph.objects(node, self._subclass)]
        names = {str(name) for predicate in self._names for name in self._graph.objects(node, predicate)}
        return ForeignConcept(
            id=_identifier(label),
            label=label,
            label_en=self._label(node, "en") or None,
            synonyms=tuple(sorted(names - {label})),
            kind=self._kind(node, severity),
            severity=severity,
            grouping=any((node, mark, None) in self._graph for mark in self._hidden),
            parents=_identifiers(parents),
            requires=_identifiers(linked[_REQUIRES]),
            excludes=_identifiers(linked[_EXCLUDES]),
        )

    def _kind(self, node: "Node", severity: Severity | None) -> Kind:
        if node in self._places:
            return Kind.TERRITORY
        kind = kind_of(self._labels[node], "", "")
        return Kind.DIAGNOSIS if kind is Kind.SIGN and severity is not None else kind

    def _climb(self) -> None:
        """Find the topmost classes above each, itself where nothing is above it, and what is a place."""
        parents: dict[Node, list[Node]] = {each: [] for each in self._labels}
        for node, up in self._graph.subject_objects(self._subclass):
            parents.setdefault(node, []).append(up)
        for group in groups(parents):
            above = {up for each in group for up in parents[each]}
            tops = {
                each
                for each in group
                if each in self._labels and self._labels.keys().isdisjoint(parents[each])
            }
            roots = tops.union(*(self._roots.get(up, ()) for up in above))
            self._roots.update(dict.fromkeys(group, frozenset(roots)))
            if not self._places.isdisjoint(above) or any(self._labels.get(each) == _PLACES for each in group):
                self._places.update(group)

    def _said(self, node: "Node") -> str:
        return str(self._graph.value(node, self._label_of))

    def _label(self, node: "Node", language: str) -> str:
        labels = [
            str(each).strip()
            for each in self._graph.objects(node, self._label_of)
            if getattr(each, "language", None) == language
        ]
        return min(filter(None, labels), default="")

    def _linked(self, node: "Node") -> dict[str, list[str]]:
        """Return the labels of the classes a class is restricted to, by the property's label."""
        linked: dict[str, list[str]] = defaultdict(list)
        for name, target in self._restrictions(node):
            linked[name].append(self._labels.get(target, ""))
        return linked

    def _restrictions(self, node: "Node") -> Iterator[tuple[str, "Node"]]:
        for restriction in self._graph.objects(node, self._subclass):
            name, target = (
                self._graph.value(restriction, self._on),
                self._graph.value(restriction, self._some),
            )
            if name is not None and target is not None:
                yield self._said(name), target


def _identifiers(labels: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({_identifier(label) for label in labels if label}))


def _identifier(label: str) -> str:
    """Return a label as the identifiers of edu-ecg's JSON are made: `BAV 2 Mobitz 1` is `BAV_2_MOBITZ_1`."""
    plain = "".join(
        each for each in unicodedata.normalize("NFKD", label.upper()) if not unicodedata.combining(each)
    )
    return re.sub(r"[^A-Z0-9]", "_", re.sub(r"[<>,()]", "", plain)).strip("_")
