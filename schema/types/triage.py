"""What is said of visits to triage, as the API shows it; analysts are shown figures, not visits."""

from enum import StrEnum
from typing import Any

import orjson
import strawberry

from ml.triage.complaints import Match
from ml.triage.conditions import Question, names
from ml.triage.features import BY_NAME, COMPLAINT, Feature
from ml.triage.levels import gravity
from ml.triage.notes import NoteReading
from ml.triage.rules import Fired
from ml.triage.scale import DERIVED, Complaint, Label, french
from schema.context import Context, Info
from schema.loaders.predictions import answers_of_predictions
from schema.messages import COMPLAINT_LABEL, TRIAGE_QUALITY
from schema.models.models import ModelAlias
from schema.models.predictions import ModelFamily, ModelProblem, TriageLevel
from schema.models.predictions import Prediction as PredictionRow
from schema.services.predictions import shows_input
from schema.services.triage import MOST_CANDIDATES
from schema.types.base import global_id
from schema.types.enums import describe_enum
from schema.types.predictions import Prediction


class TriageFeature(StrEnum):
    """What is known of a patient at triage, by the names of `ml.triage.features`."""

    AGE = "age"
    SEXE = "sexe"
    FREQUENCE_CARDIAQUE = "frequence_cardiaque"
    PRESSION_SYSTOLIQUE = "pression_systolique"
    PRESSION_DIASTOLIQUE = "pression_diastolique"
    FREQUENCE_RESPIRATOIRE = "frequence_respiratoire"
    TEMPERATURE = "temperature"
    SATURATION_OXYGENE = "saturation_oxygene"
    ECHELLE_DOULEUR = "echelle_douleur"
    GLASGOW = "glasgow"
    GLYCEMIE = "glycemie"
    MOTIF_CONSULTATION = "motif_consultation"


class Sex(StrEnum):
    """A patient's sex."""

    FEMALE = "F"
    MALE = "M"


class GravityLevel(StrEnum):
    """The colour of a level."""

    ROUGE = "ROUGE"
    ORANGE = "ORANGE"
    JAUNE = "JAUNE"
    VERT = "VERT"


class PredictionQuality(StrEnum):
    """How far an answer can be relied on."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INSUFFICIENT = "insufficient"


class TriageSource(StrEnum):
    """Who gave a level."""

    BOTH = "both"
    RULES = "rules"
    MODEL = "model"
    NEITHER = "neither"


class TriageDisagreement(StrEnum):
    """How the model sees a visit otherwise than the scale."""

    MODEL_MORE_URGENT = "model_more_urgent"
    MODEL_LESS_URGENT = "model_less_urgent"


class TriageRuleKind(StrEnum):
    """What kind of rule of the scale."""

    VITAL_SIGN = "vital_sign"
    MEDIAN = "median"
    MODULATOR = "modulator"
    RULE_3A = "rule_3a"


describe_enum(
    TriageFeature,
    "TriageFeature",
    "What is known of a patient at triage.",
    "The age in years; required.",
    "The sex; required.",
    "The heart rate, per minute; required.",
    "The systolic blood pressure, in mmHg; required.",
    "The diastolic blood pressure, in mmHg; required.",
    "The breathing rate, per minute; required.",
    "The temperature, in °C; required.",
    "The oxygen saturation, in per cent; required.",
    "The pain scale, 0 to 10; important.",
    "The Glasgow score, 3 to 15; important.",
    "The blood sugar, in g/l; optional.",
    "Why the patient comes, in free text.",
)
describe_enum(Sex, "Sex", "A patient's sex.", "A woman or girl.", "A man or boy.")
describe_enum(
    GravityLevel,
    "GravityLevel",
    "The colour of a level.",
    "Tri 1.",
    "Tri 2.",
    "Tri 3A and 3B.",
    "Tri 4 and 5.",
)
describe_enum(
    PredictionQuality,
    "PredictionQuality",
    "How far an answer can be relied on, from what is missing.",
    "Every required and important value is there.",
    "An important value is missing: the pain scale or the Glasgow score.",
    "A required value is missing.",
    "Four or more of the eight required values are missing: it is not to be relied on.",
)
describe_enum(
    TriageSource,
    "TriageSource",
    "Who gave a level; the more urgent of the two always counts.",
    "The scale and the model alike.",
    "The scale, more urgent than the model or alone.",
    "The model, more urgent than the scale or alone.",
    "Nobody: nothing is known that either could go by.",
)
describe_enum(
    TriageDisagreement,
    "TriageDisagreement",
    "How the model sees a visit otherwise than the scale.",
    "As more urgent: its level counts.",
    "As less urgent: the scale's level counts.",
)
describe_enum(
    TriageRuleKind,
    "TriageRuleKind",
    "What kind of rule of the scale.",
    "Of a vital sign, whatever the complaint.",
    "The median level of the complaint, which holds until a modulator fires.",
    "A modulator of the complaint.",
    "Tri 3 becomes 3A.",
)


def _spoken(named: Label | Complaint | Feature | Fired, context: Context) -> str:
    return named.en if context.language == "en" else named.fr


def label_of(name: str, context: Context) -> str:
    """Return what a feature, something made of several, or a question is called in the viewer's language."""
    if name in DERIVED:
        in_french, in_english, *_ = DERIVED[name]
        return in_english if context.language == "en" else in_french
    if name == COMPLAINT:
        return context.translate(COMPLAINT_LABEL)
    if name in BY_NAME:
        return _spoken(BY_NAME[name], context)
    question = french().questions.get(name)
    return _spoken(question, context) if question else name


@strawberry.type(description="A question of the scale whose answer can change the level.")
class TriageQuestion:
    """A question, or a feature that should be measured."""

    code: str = strawberry.field(description="Its name: what `answers.question` takes, unless a feature.")
    label: str = strawberry.field(description="The question in the viewer's language.")
    feature: TriageFeature | None = strawberry.field(
        description="The feature to measure; null where somebody answers yes or no."
    )
    levels: list[TriageLevel] = strawberry.field(
        description="The levels it could lead to, the most urgent first."
    )


def question_of(name: str, levels: list[TriageLevel], context: Context) -> TriageQuestion:
    """Return a question by its name."""
    feature = TriageFeature(name) if name in BY_NAME else None
    return TriageQuestion(code=name, label=label_of(name, context), feature=feature, levels=levels)


@strawberry.type(description="A chief complaint of the FRENCH scale.")
class TriageComplaint:
    """A row of the scale."""

    row: strawberry.Private[Complaint]
    code: str = strawberry.field(description="Its name, which `complaint` takes.")
    label: str = strawberry.field(description="The complaint in the viewer's language.")
    section: str = strawberry.field(description="The part of the scale that it is in.")
    median: TriageLevel = strawberry.field(description="The level that holds until a modulator fires.")

    @strawberry.field(
        description="What its modulators ask, in the scale's order, then what makes Tri 3 a 3A."
    )
    def questions(self, info: Info) -> list[TriageQuestion]:
        """Collect the questions of its modulators."""
        levels: dict[str, list[TriageLevel]] = {}
        for each in (*self.row.modulators, french().rule_3a):
            for part in names(each.when):
                if isinstance(part, Question):
                    levels.setdefault(part.name, []).append(TriageLevel(each.level))
        return [question_of(name, found, info.context) for name, found in levels.items()]

    @classmethod
    def of(cls, code: str, context: Context) -> "TriageComplaint":
        """Return a complaint by its name."""
        scale = french()
        row = scale.complaints[code]
        return cls(
            row=row,
            code=code,
            label=_spoken(row, context),
            section=_spoken(scale.sections[row.section], context),
            median=TriageLevel(row.median),
        )


def candidates_of(match: Match, context: Context) -> list[TriageComplaint]:
    """Return the complaints a text may state, the best first."""
    return [TriageComplaint.of(each.complaint, context) for each in match.candidates[:MOST_CANDIDATES]]


@strawberry.type(description="A rule of the scale that holds of a visit.")
class TriageRule:
    """A rule that fired."""

    kind: TriageRuleKind = strawberry.field(description="What kind of rule.")
    code: str = strawberry.field(description="Its name in the scale.")
    level: TriageLevel = strawberry.field(description="The level it leads to.")
    text: str = strawberry.field(description="What it says, in the viewer's language.")
    decides: bool = strawberry.field(description="Whether it gives the scale's level.")


def rule_of(fired: Fired, context: Context) -> TriageRule:
    """Return a rule that fired."""
    return TriageRule(
        kind=TriageRuleKind(fired.kind),
        code=fired.id,
        level=TriageLevel(fired.level),
        text=_spoken(fired, context),
        decides=fired.decides,
    )


@strawberry.type(description="A value of a feature.")
class TriageValue:
    """A feature and a number."""

    feature: TriageFeature = strawberry.field(description="The feature.")
    value: float = strawberry.field(description="In its unit; the sex is 1 for women, 0 for men.")
    unit: str = strawberry.field(description="The unit; empty where there is none.")

    @classmethod
    def of(cls, name: str, value: float) -> "TriageValue":
        """Return a value of a feature by name."""
        return cls(feature=TriageFeature(name), value=value, unit=BY_NAME[name].unit)


@strawberry.type(description="What was answered to a question of the scale.")
class TriageReply:
    """A question and its answer."""

    question: str = strawberry.field(description="The question's name.")
    label: str = strawberry.field(description="The question in the viewer's language.")
    holds: bool = strawberry.field(description="What was answered.")


@strawberry.type(description="What is kept of a visit: nothing that says whose it was.")
class TriageVisit:
    """What somebody said of a patient."""

    values: list[TriageValue] = strawberry.field(description="What was measured.")
    motif_consultation: str = strawberry.field(
        description="Why they came, names and other identifiers overwritten; may be empty."
    )
    complaint: TriageComplaint | None = strawberry.field(
        description="The complaint a person chose; null where the text was matched."
    )
    answers: list[TriageReply] = strawberry.field(description="What was answered to the scale's questions.")


@strawberry.type(description="How likely a KTAS level is.")
class KtasProbability:
    """A level and its probability."""

    level: int = strawberry.field(description="The level, 1 the most urgent to 5.")
    probability: float = strawberry.field(description="0 to 1, calibrated; all five sum to 1.")


@strawberry.type(description="How much something moved the model, by TreeSHAP.")
class TriageReason:
    """A feature and its share."""

    feature: str = strawberry.field(description="What: a feature of the table, or one made of several.")
    label: str = strawberry.field(description="What it is called in the viewer's language.")
    contribution: float = strawberry.field(
        description="What it added to the log-odds of being more urgent; negative towards less urgent."
    )
    imputed: bool = strawberry.field(
        description="Whether it was not known, or something that it is made of: a default stood in."
    )


@strawberry.type(description="What the model says of a visit, on the Korean scale that it learnt from.")
class TriageModelView:
    """The model's view."""

    ktas_level: int = strawberry.field(
        description="The level it decides for, which weighs missed emergencies: 1 the most urgent to 5."
    )
    likeliest_level: int = strawberry.field(description="The likeliest level.")
    probabilities: list[KtasProbability] = strawberry.field(description="How likely each level is.")
    conformal_set: list[int] = strawberry.field(
        description="Levels that are not ruled out: nine visits in ten have the experts' one here."
    )
    reasons: list[TriageReason] = strawberry.field(
        description="What moved it, the strongest first; empty for whoever is shown figures only."
    )


@strawberry.type(description="A value read from a note, to be confirmed by a person.")
class NoteValue:
    """A value and the words it was read from."""

    feature: TriageFeature = strawberry.field(description="The feature.")
    value: str = strawberry.field(description="As `predictTriage` takes it: a number, or `FEMALE` or `MALE`.")
    unit: str = strawberry.field(description="The unit; empty where there is none.")
    text: str = strawberry.field(description="The words it was read from.")
    start: int = strawberry.field(description="Where they begin in the note, in characters.")
    end: int = strawberry.field(description="Where they end.")
    read_by_model: bool = strawberry.field(
        description="Whether a language model read it, where one is configured, and not the rules."
    )


@strawberry.type(description="A number of a note that was not taken: impossible, or in no certain unit.")
class NoteLeftOut:
    """A number that stands where a feature's value does."""

    feature: TriageFeature = strawberry.field(description="The feature, which has no value from this note.")
    text: str = strawberry.field(description="The words.")
    start: int = strawberry.field(description="Where they begin in the note, in characters.")
    end: int = strawberry.field(description="Where they end.")


@strawberry.type(description="What a free note says of a visit. Nothing of it is kept.")
class TriageNote:
    """What was read from a note."""

    values: list[NoteValue] = strawberry.field(description="Vital signs and the like, in the note's order.")
    left_out: list[NoteLeftOut] = strawberry.field(
        description="What was not taken, in the note's order: a person looks at each again."
    )
    motif_consultation: str = strawberry.field(
        description="The words that state the complaint, 12 at most, never the whole note; may be empty."
    )
    candidates: list[TriageComplaint] = strawberry.field(
        description="Complaints that these words may state, the best first; empty where none is recognised."
    )

    @classmethod
    def of(cls, reading: NoteReading, context: Context) -> "TriageNote":
        """Return what was read."""
        return cls(
            values=[
                NoteValue(
                    feature=TriageFeature(each.feature),
                    value=Sex(each.value).name if isinstance(each.value, str) else f"{each.value:g}",
                    unit=BY_NAME[each.feature].unit,
                    text=each.text,
                    start=each.start,
                    end=each.end,
                    read_by_model=each.by_model,
                )
                for each in reading.found
            ],
            left_out=[
                NoteLeftOut(
                    feature=TriageFeature(each.feature), text=each.text, start=each.start, end=each.end
                )
                for each in reading.left_out
            ],
            motif_consultation=reading.complaint,
            candidates=candidates_of(reading.match, context),
        )


@strawberry.type(
    description="How soon a patient who comes to an emergency department is to be seen: by the FRENCH scale, "
    "a model, and the more urgent of the two. It is no diagnosis and no medical device."
)
class TriagePrediction(Prediction):
    """The triage of one visit."""

    prediction_id: strawberry.ID = strawberry.field(description="The prediction's id, which feedback names.")
    level: TriageLevel = strawberry.field(description="The final level.")
    gravity_level: GravityLevel = strawberry.field(description="Its colour.")
    nurse_within_minutes: int | None = strawberry.field(
        description="Within how many minutes a nurse sees the patient; null where the scale does not say."
    )
    doctor_within_minutes: int = strawberry.field(
        description="Within how many minutes a doctor sees the patient."
    )
    prediction_quality: PredictionQuality = strawberry.field(
        description="How far it can be relied on, from what is missing."
    )

    @strawberry.field(description="The rule of that quality, in the viewer's language.")
    def quality_rule(self, info: Info) -> str:
        """Word the rule."""
        return info.context.translate(TRIAGE_QUALITY[self.prediction_quality.value])

    @strawberry.field(description="Who gave the level.")
    async def source(self, info: Info) -> TriageSource:
        """Read it."""
        return TriageSource((await self._kept(info))["source"])

    @strawberry.field(description="How the model sees it otherwise than the scale; null where it does not.")
    async def disagreement(self, info: Info) -> TriageDisagreement | None:
        """Read it."""
        kept = (await self._kept(info))["disagreement"]
        return TriageDisagreement(kept) if kept else None

    @strawberry.field(
        description="How often the model's likeliest level is the experts', 0 to 1; 0 where none answered."
    )
    async def confidence_score(self, info: Info) -> float:
        """Read it."""
        return float((await self._kept(info))["confidence"])

    @strawberry.field(description="What was not known.")
    async def missing_features(self, info: Info) -> list[TriageFeature]:
        """Read them."""
        return [TriageFeature(name) for name in (await self._kept(info))["missing"]]

    @strawberry.field(
        description="What the model was shown in their place, by the table of defaults; the scale is not."
    )
    async def imputed_values(self, info: Info) -> list[TriageValue]:
        """Read them."""
        kept = await self._kept(info)
        return [TriageValue.of(name, value) for name, value in kept["imputed"].items()]

    @strawberry.field(
        description="What the scale alone says; null where no complaint is known and no vital sign speaks."
    )
    async def scale_level(self, info: Info) -> TriageLevel | None:
        """Read it."""
        kept = (await self._kept(info))["scaleLevel"]
        return TriageLevel(kept) if kept else None

    @strawberry.field(description="What the model says; null where none answered.")
    async def model_view(self, info: Info) -> TriageModelView | None:
        """Read it."""
        whole = await self._kept(info)
        kept, imputed = whole["model"], whole["imputed"].keys()
        if kept is None:
            return None
        told = shows_input(info.context.viewer)
        return TriageModelView(
            ktas_level=kept["level"],
            likeliest_level=kept["likeliest"],
            probabilities=[
                KtasProbability(level=level, probability=chance)
                for level, chance in enumerate(kept["chances"], start=1)
            ],
            conformal_set=kept["set"],
            reasons=[
                TriageReason(
                    feature=name,
                    label=label_of(name, info.context),
                    contribution=moved,
                    imputed=not imputed.isdisjoint(DERIVED[name][3] if name in DERIVED else {name}),
                )
                for name, moved in (kept["reasons"] if told else ())
            ],
        )

    @strawberry.field(description="The rules that hold; null for whoever is shown figures only.")
    async def rules(self, info: Info) -> list[TriageRule] | None:
        """Read them in the words they had."""
        if not shows_input(info.context.viewer):
            return None
        return [rule_of(Fired(**each), info.context) for each in (await self._kept(info))["rules"]]

    @strawberry.field(
        description="The complaint whose row was used; null where none is recognised, and for whoever is "
        "shown figures only."
    )
    async def complaint(self, info: Info) -> TriageComplaint | None:
        """Read it."""
        code = (await self._kept(info))["complaint"]
        known = code in french().complaints and shows_input(info.context.viewer)
        return TriageComplaint.of(code, info.context) if known else None

    @strawberry.field(
        description="Complaints that the text may state, the best first; null for whoever is shown figures."
    )
    async def complaint_candidates(self, info: Info) -> list[TriageComplaint] | None:
        """Read them."""
        if not shows_input(info.context.viewer):
            return None
        known = french().complaints
        codes = (await self._kept(info))["candidates"]
        return [TriageComplaint.of(code, info.context) for code in codes if code in known]

    @strawberry.field(
        description="What could still change the level, what could be most urgent first; null for whoever is "
        "shown figures only."
    )
    async def questions(self, info: Info) -> list[TriageQuestion] | None:
        """Read them."""
        if not shows_input(info.context.viewer):
            return None
        return [
            question_of(each["name"], [TriageLevel(level) for level in each["levels"]], info.context)
            for each in (await self._kept(info))["asked"]
        ]

    @strawberry.field(description="What was said of the visit; null for whoever is shown figures only.")
    def visit(self, info: Info) -> TriageVisit | None:
        """Tell what is kept."""
        kept = self.row.visit
        if kept is None or not shows_input(info.context.viewer):
            return None
        chosen = kept["chosen"]
        return TriageVisit(
            values=[TriageValue.of(name, value) for name, value in kept["values"].items()],
            motif_consultation=kept["complaint"],
            complaint=TriageComplaint.of(chosen, info.context) if chosen in french().complaints else None,
            answers=[
                TriageReply(question=name, label=label_of(name, info.context), holds=holds)
                for name, holds in kept["answers"].items()
            ],
        )

    async def _kept(self, info: Info) -> dict[str, Any]:
        kept: dict[str, Any] = orjson.loads(
            await info.context.loaders.of(answers_of_predictions).load(self.row.id or 0) or b"{}"
        )
        return kept

    @classmethod
    def of(cls, row: PredictionRow) -> "TriagePrediction":
        """Return the node of a row."""
        level = TriageLevel(row.level or "")
        delay = french().delays[level.value]
        key = global_id("TriagePrediction", row.id or 0)
        return cls(
            id=key,
            row=row,
            family=ModelFamily(row.family),
            alias=ModelAlias(row.alias),
            input_hash=row.input_sha256,
            ml_available=row.ml_available,
            ml_error=ModelProblem(row.ml_error) if row.ml_error else None,
            latency_milliseconds=row.latency_ms,
            created_at=row.created_at,
            prediction_id=key,
            level=level,
            gravity_level=GravityLevel(gravity(level.value)),
            nurse_within_minutes=delay.nurse_minutes,
            doctor_within_minutes=delay.doctor_minutes,
            prediction_quality=PredictionQuality(row.quality or ""),
        )
