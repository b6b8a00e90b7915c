"""What a document costs, from the document alone: known before it is validated or executed.

One walk prices it, each fragment once, however often it is reached: the walk is linear in the document's size
where what it counts may be exponential. A point stands for one value in the answer; a field that asks for
something costs more, and the size of a list multiplies what is selected from its items.
"""

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLCompositeType,
    GraphQLError,
    GraphQLField,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
)

from schema.pagination import DEFAULT_PAGE

CALL = 50
"""Points of a root field, and of any that has arguments: it asks the database."""
READING, HASHING = 1_000, 20_000
"""Points of a field that reads clinical texts, makes an ontology anew or looks a host up, and of one that
hashes a password, reads a file or looks for the faults of a document: milliseconds and tens of milliseconds,
where a value takes microseconds."""
DEAR = {
    "Query.matchConcepts": READING,
    "Query.gradeAnswer": READING,
    "Mutation.submitAttempt": READING,
    "Mutation.changePassword": HASHING,
    "Mutation.changeEmail": HASHING,
    "Mutation.resetPassword": HASHING,
    "Mutation.createAccount": HASHING,
    "Mutation.createConcept": READING,
    "Mutation.updateConcept": READING,
    "Mutation.deleteConcept": READING,
    "Mutation.restoreConcept": READING,
    "Mutation.importOntology": HASHING,
    "Mutation.createWebhook": READING,
    "Mutation.updateWebhook": READING,
    "Mutation.sendTestEvent": READING,
    "Mutation.importParticipants": HASHING,
    "Mutation.importRecordings": HASHING,
    "Mutation.importFromPacs": READING,
    "Query.searchPacs": HASHING,
    "Mutation.sendToPacs": HASHING,
    "Mutation.importFeedback": HASHING,
    "Mutation.retrain": READING,
    "Query.feedbackStatistics": READING,
    "FeedbackStatistics.byGroup": READING,
    "Mutation.digitiseRecording": READING,
    "Mutation.exportAttempts": READING,
    "Mutation.settleHeldPage": HASHING,
    "Mutation.registerDocument": HASHING,
    "Mutation.predictBeats": HASHING,
    "Mutation.editRecordingImage": HASHING,
    "Query.recordingEditPreview": HASHING,
    "Query.recordingEditProposal": HASHING,
    "Mutation.predictTriage": READING,
    "Monitoring.drift": HASHING,
    "Monitoring.forecast": HASHING,
    "Monitoring.summary": READING,
    "Monitoring.trends": READING,
    "Query.modelRuns": HASHING,
    "Monitoring.versions": READING,
    "Query.triageClassFigures": READING,
    "Mutation.recordSegmentation": HASHING,
    "Mutation.predictSegmentation": HASHING,
    "SegmentedPatient.agreements": HASHING,
    "Query.triageNote": READING,
    "BeatPrediction.strip": READING,
    "BeatPrediction.saliency": READING,
}
LIST = 10
"""Items a list is taken to have that says nothing of its size."""
LISTS = {
    "Account.documents": 100,
    "AlertRule.readers": 20,
    "BeatPrediction.feedback": 100,
    "BeatSaliency.weights": 100,
    "BeatStrip.beats": 30,
    "Case.revisions": 100,
    "PacsSearch.series": 100,
    "HeldPage.regions": 40,
    "FeedbackImport.faults": 100,
    "FeedbackStatistics.byWeek": 50,
    "FeedbackStatistics.matrix": 40,
    "Digitisation.points": 200,
    "Digitisation.traces": 15,
    "PaperSource.leads": 12,
    "ModelRun.files": 25,
    "ModelRun.metrics": 40,
    "ModelRun.parameters": 40,
    "ModelRuns.runs": 50,
    "MonitoredDrift.features": 30,
    "Monitoring.forecast": 30,
    "Monitoring.languageModel": 100,
    "Monitoring.trends": 100,
    "ParticipantImport.faults": 100,
    "Prediction.feedback": 100,
    "Query.alertReaders": 50,
    "Query.triageComplaints": 115,
    "Query.triagePatients": 100,
    "RecordingImport.files": 500,
    "Session.enrolments": 100,
    "TriageClassFigures.byPatient": 100,
}
"""Lists that are often longer."""

ENDLESS = 10**9
"""What any larger number counts as."""
MOST_COST = 50_000
MOST_FIELDS = 250
MOST_REPEATS = 20
"""How often one name may stand for a field of one object; validation compares them pair by pair."""
MOST_DEFINITIONS = 50
"""Operations and fragments, used or not: all are validated."""
MOST_DEPTH = 15
MOST_NESTING = 50
"""Selection sets within one another, those of fragments included: a fragment may be 50 fragments deep."""
MOST_ROOTS = 20
MOST_ALIASES = 30
MOST_DIRECTIVES = 30
MOST_DIRECTIVES_AT_ONE_PLACE = 2
"""No directive may be repeated, and a selection takes two."""


class TooMuchError(GraphQLError):
    """A document asks for more than one request may."""

    def __init__(self, what: str, most: int, asked: int | None = None) -> None:
        more = f" This one has {asked}." if asked is not None and asked < ENDLESS else ""
        super().__init__(
            f"A request may have {what} of {most} at most.{more}",
            extensions={"code": "TOO_MUCH", "limit": most},
        )


class Weight(NamedTuple):
    """What a selection asks for in all, from one object.

    Parameters
    ----------
    cost
        Points.
    per_item
        Points for each item of the page that the selection is part of.
    fields, aliases, directives
        How many, counted as often as they are reached.
    depth
        How many fields lie within one another.
    names
        How often each name stands for a field of the object.
    """

    cost: int = 0
    per_item: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    depth: int = 0
    names: Mapping[str, int] = MappingProxyType({})

    def plus(self, other: "Weight") -> "Weight":
        """Return the weight of both."""
        return Weight(
            self.cost + other.cost,
            self.per_item + other.per_item,
            self.fields + other.fields,
            self.aliases + other.aliases,
            self.directives + other.directives,
            max(self.depth, other.depth),
            self.names,
        )


NOTHING = Weight()


def sizes_in(
    operation: OperationDefinitionNode, variables: Mapping[str, Any] | None
) -> tuple[tuple[str, int], ...]:
    """Return what an operation's variables say about the size of lists: whole numbers, lengths of lists."""
    names = [each.variable.name.value for each in operation.variable_definitions or ()]
    given = [(name, _size_in((variables or {}).get(name))) for name in names]
    return tuple((name, size) for name, size in given if size is not None)


def price(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    sizes: Mapping[str, int],
) -> int:
    """Return the points of an operation.

    Raises
    ------
    GraphQLError
        When it asks for more than one request may, or its fragments are unknown or reach themselves.
    """
    if len(document.definitions) > MOST_DEFINITIONS:
        raise TooMuchError(
            "a number of operations and fragments", MOST_DEFINITIONS, len(document.definitions)
        )
    walk = _Walk(schema, document, operation, sizes)
    weight = walk.weigh_operation(operation)
    for what, most, asked in (
        ("a number of root fields", MOST_ROOTS, walk.roots),
        ("a depth", MOST_DEPTH, weight.depth),
        ("a number of aliases", MOST_ALIASES, weight.aliases),
        ("a number of directives", MOST_DIRECTIVES, weight.directives),
        ("a cost", MOST_COST, weight.cost),
    ):
        if asked > most:
            raise TooMuchError(what, most, asked)
    walk.weigh_rest(weight.fields)
    return weight.cost


class _Walk:
    """One pricing of one operation."""

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        sizes: Mapping[str, int],
    ) -> None:
        self._schema, self._document, self._operation = schema, document, operation
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._sizes = _defaults(operation) | dict(sizes)
        self._known: dict[str, Weight | None] = {}
        self._root = schema.get_root_type(operation.operation)
        self.roots = 0

    def weigh(
        self, selected: SelectionSetNode | None, kind: GraphQLCompositeType | None, level: int
    ) -> Weight:
        """Return the weight of what is selected from a type; None stands for a type that there is not."""
        if level > MOST_NESTING:
            raise TooMuchError("a nesting", MOST_NESTING)
        weight, names = NOTHING, Counter[str]()
        for node in selected.selections if selected else ():
            added = self._weigh(node, kind, level + 1)
            weight = weight.plus(added)
            names.update(added.names)
            if weight.fields > MOST_FIELDS:
                raise TooMuchError("a number of fields", MOST_FIELDS)
        if names and max(names.values()) > MOST_REPEATS:
            raise TooMuchError("a number of repetitions of one field", MOST_REPEATS)
        return weight._replace(names=names)

    def weigh_operation(self, operation: OperationDefinitionNode) -> Weight:
        """Return the weight of an operation."""
        weight = self.weigh(operation.selection_set, self._schema.get_root_type(operation.operation), 0)
        return weight._replace(directives=weight.directives + len(operation.directives or ()))

    def weigh_rest(self, fields: int) -> None:
        """Refuse a document that has many fields in all: validation looks at what is not executed, too."""
        for node in self._document.definitions:
            if isinstance(node, OperationDefinitionNode) and node is not self._operation:
                fields += self.weigh_operation(node).fields
            elif isinstance(node, FragmentDefinitionNode) and node.name.value not in self._known:
                fields += self._weigh_fragment(node, 0).fields
            if fields > MOST_FIELDS:
                raise TooMuchError("a number of fields", MOST_FIELDS)

    def _weigh(self, node: SelectionNode, kind: GraphQLCompositeType | None, level: int) -> Weight:
        directives = len(node.directives or ())
        if directives > MOST_DIRECTIVES_AT_ONE_PLACE:
            raise TooMuchError(
                "a number of directives at one place", MOST_DIRECTIVES_AT_ONE_PLACE, directives
            )
        if isinstance(node, FieldNode):
            weight = self._weigh_field(node, kind, level)
        elif isinstance(node, FragmentSpreadNode):
            weight = self._weigh_fragment(node, level)
        elif isinstance(node, InlineFragmentNode):
            condition = node.type_condition
            weight = self.weigh(
                node.selection_set, self._composite(condition.name.value) if condition else kind, level
            )
        return weight._replace(directives=weight.directives + directives) if directives else weight

    def _weigh_fragment(self, node: FragmentSpreadNode | FragmentDefinitionNode, level: int) -> Weight:
        name = node.name.value
        if name not in self._known:
            fragment = self._fragments.get(name)
            if fragment is None:
                raise GraphQLError("A fragment that the document uses is not in it.", node)
            self._known[name] = None  # until it is known, it is under way
            kind = self._composite(fragment.type_condition.name.value)
            self._known[name] = self.weigh(fragment.selection_set, kind, level)
        weight = self._known[name]
        if weight is None:
            raise GraphQLError("A fragment of the document reaches itself.", node)
        return weight

    def _weigh_field(self, node: FieldNode, kind: GraphQLCompositeType | None, level: int) -> Weight:
        field = self._schema.get_field(kind, node.name.value) if kind else None
        below = get_named_type(field.type) if field else None
        inner = self.weigh(node.selection_set, below if is_composite_type(below) else None, level)
        own, per_item = self._cost(node, field, kind, inner)
        self.roots += kind is not None and kind is self._root
        return Weight(
            own,
            per_item,
            inner.fields + 1,
            inner.aliases + (node.alias is not None),
            inner.directives,
            inner.depth + 1,
            {(node.alias or node.name).value: 1},
        )

    def _cost(
        self, node: FieldNode, field: GraphQLField | None, kind: GraphQLCompositeType | None, inner: Weight
    ) -> tuple[int, int]:
        """Return the points of a field, and those for each item of the page that it is part of."""
        if field is None or kind is None or kind.name.startswith("__") or node.name.value == "__typename":
            return 1 + inner.cost, inner.per_item
        name = f"{kind.name}.{node.name.value}"
        call = DEAR.get(name, CALL if field.args or kind is self._root else 0)
        one = 1 + inner.cost
        if "first" in field.args:
            return call + one + self._page(node) * inner.per_item, 0
        if not is_list_type(get_nullable_type(field.type)):
            return call + one, inner.per_item
        if kind.name.endswith("Connection"):
            return 1, one
        return call + 1 + self._length(node, name) * one, 0

    def _page(self, node: FieldNode) -> int:
        """Return the size of the page a connection is asked for."""
        asked = [
            self._size(each.value) for each in node.arguments or () if each.name.value in {"first", "last"}
        ]
        return max([size for size in asked if size is not None], default=DEFAULT_PAGE)

    def _length(self, node: FieldNode, name: str) -> int:
        """Return how many items a list is taken to have: one for each of a list it is given."""
        given = [self._size(each.value) for each in node.arguments or ()]
        return max([size for size in given if size is not None], default=LISTS.get(name, LIST))

    def _size(self, value: Any) -> int | None:
        if isinstance(value, VariableNode):
            return self._sizes.get(value.name.value)
        return _size_of(value)

    def _composite(self, name: str) -> GraphQLCompositeType | None:
        kind = self._schema.get_type(name)
        return kind if is_composite_type(kind) else None


def _size_in(value: Any) -> int | None:
    if isinstance(value, list):
        return len(value)
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return min(max(0, int(value)), ENDLESS)
    return None


def _defaults(operation: OperationDefinitionNode) -> dict[str, int]:
    sizes = {
        each.variable.name.value: _size_of(each.default_value)
        for each in operation.variable_definitions or ()
    }
    return {name: size for name, size in sizes.items() if size is not None}


def _size_of(value: Any) -> int | None:
    """Return the whole number of a literal, or how long a list is; never negative."""
    if isinstance(value, ListValueNode):
        return len(value.values)
    if not isinstance(value, IntValueNode):
        return None
    digits = value.value.lstrip("-")
    return int(digits) if len(digits) < 10 else ENDLESS  # the text of a number may be endless
