"""A clinician at triage, with or without a model that answers."""

from typing import Any

from ml.triage.levels import CLASSES
from schema.models.models import ModelVersion
from schema.policy import Actor, Role
from tests.schema.conftest import World
from tests.schema.people import PASSWORDS
from tests.schema.toys import deployed, registered, toy_triage
from tests.schema.ward import FEEDBACK, REFUSALS

LOADED_S = 10.0
"""Seconds a toy may take to load on a busy machine."""
TOLD = """id predictionId family alias level gravityLevel nurseWithinMinutes doctorWithinMinutes source
  disagreement confidenceScore predictionQuality qualityRule missingFeatures scaleLevel
  imputedValues { feature value unit }
  mlAvailable mlError latencyMilliseconds inputHash rules { kind code level text decides }
  complaint { code label section median } complaintCandidates { code } questions { code feature levels label }
  modelView { ktasLevel likeliestLevel probabilities { level probability } conformalSet
    reasons { feature label contribution } }
  visit { motifConsultation values { feature value unit } complaint { code } answers { question holds } }
  modelVersion { number digest } askedBy { id } feedback { id }"""
PREDICT = f"""mutation M($input: PredictTriageInput!) {{ predictTriage(input: $input) {{ __typename
  ... on TriagePrediction {{ {TOLD} }} {REFUSALS} }} }}"""
PREDICTION = f"query Q($id: ID!) {{ prediction(id: $id) {{ ... on TriagePrediction {{ {TOLD} }} }} }}"
CHEST_PAIN: dict[str, Any] = {
    "age": 54,
    "sexe": "MALE",
    "frequenceCardiaque": 92,
    "pressionSystolique": 128,
    "pressionDiastolique": 78,
    "frequenceRespiratoire": 18,
    "temperature": "36,8",
    "saturationOxygene": 97,
    "echelleDouleur": 5,
    "glasgow": 15,
    "glycemie": 1.1,
    "motifConsultation": "Douleur thoracique",
}


class Clinic:
    """A clinician who asks about visits."""

    def __init__(self, world: World) -> None:
        self.world = world
        world.services.passwords = PASSWORDS
        self.clinician = world.person(Role.CLINICIAN)

    def deploy(self) -> ModelVersion:
        """Let a small model answer."""
        with self.world.database.write() as session:
            version = registered(
                session,
                self.world.clock,
                toy_triage(self.world.home),
                "triage",
                classes=list(CLASSES),
                architecture="xgboost",
            )
            deployed(session, self.world.clock, version)
        self.world.services.deployments.refresh(at_once=True)
        self.world.services.registry.serving("triage", "champion", LOADED_S)
        return version

    def predict(self, actor: Actor | None = None, **given: Any) -> Any:
        """Ask about chest pain, unless other things are given; what is None is left out."""
        whole = {key: value for key, value in (CHEST_PAIN | given).items() if value is not None}
        return self.world.ask(PREDICT, actor or self.clinician, input=whole)

    def feedback(self, prediction: Any, actor: Actor | None = None, **given: Any) -> Any:
        whole = {"predictionId": prediction["id"], "type": "CORRECT"} | given
        return self.world.ask(FEEDBACK, actor or self.clinician, input=whole)


def faults(answer: Any) -> list[tuple[str, str]]:
    assert answer["__typename"] == "ValidationErrors", answer
    return [(".".join(each["path"]), each["code"]) for each in answer["fields"]]
