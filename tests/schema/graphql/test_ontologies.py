import gc
import io
import json
import weakref
from pathlib import Path
from typing import Any

import pytest

from ml.language.documents import concept_document, ontology_document
from schema.policy import Actor, Role
from schema.services.editions import shipped_line
from schema.types.base import global_id
from tests.schema.conftest import World
from tests.support.language import the_ontology

REFUSALS = """... on ValidationErrors { fields { path message code } } ... on NotAllowed { code }
  ... on Conflict { code } ... on NotFound { message }"""
CREATE = f"""mutation($input: CreateConceptInput!) {{ createConcept(input: $input) {{
  __typename ... on OntologyVersion {{ version comment cause author {{ displayName }}
    changes {{ kind concept {{ code label }} fields {{ name before after }} }} }} {REFUSALS} }} }}"""
UPDATE = CREATE.replace("CreateConceptInput", "UpdateConceptInput").replace("createConcept", "updateConcept")
DELETE = CREATE.replace("CreateConceptInput", "DeleteConceptInput").replace("createConcept", "deleteConcept")
RESTORE = CREATE.replace("CreateConceptInput", "RestoreConceptInput").replace(
    "createConcept", "restoreConcept"
)
IMPORT = f"""mutation($input: ImportOntologyInput!) {{ importOntology(input: $input) {{
  __typename ... on Ontology {{ id name origin active openFaultCount
    version conceptCount }} {REFUSALS} }} }}"""
ACTIVATE = f"""mutation($input: ActivateOntologyInput!) {{ activateOntology(input: $input) {{
  __typename ... on Ontology {{ active }} {REFUSALS} }} }}"""
SETTLE = f"""mutation($input: SettleOntologyFaultInput!) {{ settleOntologyFault(input: $input) {{
  __typename ... on OntologyFault {{ decision settledBy {{ displayName }} }} {REFUSALS} }} }}"""
CONCEPT = """query($id: ID!) { concept(id: $id) { code kind severity
  parents { code } children { code } excludes { code } parts { code } supports { code } against { code }
  requires { signs { code } } absence { code } range { measure above atLeast below atMost inMen }
  codes { system value } fr: synonymsIn(language: FR) en: synonymsIn(language: EN) } }"""
IN_USE = "{ ontology { id name origin active version conceptCount } }"
HISTORY = """query($id: ID!) { conceptChanges(conceptId: $id, first: 10) { totalCount edges { node {
  id kind version { version comment author { displayName } } fields { name before after } } } } }"""
FAULTS = """query($id: ID!, $filter: OntologyFaultFilter) {
  ontologyFaults(ontologyId: $id, filter: $filter, first: 100) {
  totalCount edges { node { id place message decision settledAt } } } }"""
LLAMA = {
    "code": "LLAMA_SIGN",
    "labelFr": "Signe du lama",
    "labelEn": "Llama sign",
    "category": "MORPHOLOGY",
    "kind": "SIGN",
    "parents": ["Tachycardie"],
    "range": {"measure": "QRS", "above": 300},
    "codes": [{"system": "snomed", "value": "1"}],
    "comment": "pour le cours de mardi",
}


@pytest.fixture
def platform(world: World) -> World:
    with world.database.write() as session:
        shipped_line(session, world.clock, the_ontology())
    world.services.shelf.refresh(at_once=True)
    return world


@pytest.fixture
def expert(platform: World) -> Actor:
    return platform.person(Role.EXPERT)


def concept_id(code: str) -> str:
    return global_id("Concept", code)


def test_everyone_is_told_the_ontology_in_use(platform: World) -> None:
    told = platform.ask(IN_USE, platform.person(Role.STUDENT))
    assert (told["name"], told["origin"], told["active"]) == ("Chevet", "SHIPPED", True)
    assert told["version"] == the_ontology().version
    assert told["conceptCount"] == len(the_ontology().concepts)


def test_a_concept_tells_all_that_its_file_does(platform: World) -> None:
    measured = next(each for each in the_ontology().concepts if each.range)
    for each in (measured, the_ontology().concept("LBBB"), the_ontology().concept("STEMI_INFERIOR")):
        told = platform.ask(CONCEPT, platform.person(), id=concept_id(each.id))
        assert (told["code"], told["kind"]) == (each.id, each.kind.name)
        assert told["severity"] == (each.severity.name if each.severity else None)
        for relation in ("parents", "excludes", "parts", "supports", "against"):
            assert [other["code"] for other in told[relation]] == list(getattr(each, relation))
        signs = [[sign["code"] for sign in each_set["signs"]] for each_set in told["requires"]]
        assert signs == [list(each_set) for each_set in each.requires]
        assert {code["system"]: code["value"] for code in told["codes"]} == dict(each.codes)
        assert (told["fr"], told["en"]) == (list(each.synonyms_fr), list(each.synonyms_en))
        assert [child["code"] for child in told["children"]] == list(the_ontology().children(each.id))
        assert (told["range"] is None) == (each.range is None)


def test_a_new_concept_is_there_at_once_and_its_version_tells_who_and_why(
    platform: World, expert: Actor
) -> None:
    made = platform.ask(CREATE, expert, input=LLAMA)
    assert made["__typename"] == "OntologyVersion"
    assert (made["comment"], made["cause"], made["author"]["displayName"]) == (
        "pour le cours de mardi",
        "EDIT",
        expert.display_name,
    )
    (change,) = made["changes"]
    assert (change["kind"], change["concept"]) == ("ADDED", {"code": "LLAMA_SIGN", "label": "Llama sign"})
    told = platform.ask(CONCEPT, expert, id=concept_id("LLAMA_SIGN"))
    assert told["parents"] == [{"code": "TACHYCARDIA"}]
    assert (told["range"]["measure"], told["range"]["above"]) == ("QRS", 300.0)


def test_an_update_says_field_by_field_what_it_changed(platform: World, expert: Actor) -> None:
    platform.ask(CREATE, expert, input=LLAMA)
    version = platform.services.ontology.version
    wanted = {key: value for key, value in LLAMA.items() if key != "code"}
    wanted |= {"id": concept_id("LLAMA_SIGN"), "version": version, "synonymsFr": ["cou de lama"], "codes": []}
    (change,) = platform.ask(UPDATE, expert, input=wanted)["changes"]
    assert sorted(change["fields"], key=lambda each: each["name"]) == [
        {"name": "codes", "before": ["snomed 1"], "after": []},
        {"name": "synonymsFr", "before": [], "after": ["cou de lama"]},
    ]
    assert platform.ask(UPDATE, expert, input=wanted)["code"] == "stale_concept"


def test_a_removed_concept_is_gone_and_can_be_taken_back(platform: World, expert: Actor) -> None:
    platform.ask(CREATE, expert, input=LLAMA)
    gone = {"id": concept_id("LLAMA_SIGN"), "version": platform.services.ontology.version}
    platform.ask(DELETE, expert, input=gone)
    assert platform.ask(CONCEPT, expert, id=concept_id("LLAMA_SIGN")) is None
    history = platform.ask(HISTORY, expert, id=concept_id("LLAMA_SIGN"))
    assert [edge["node"]["kind"] for edge in history["edges"]] == ["REMOVED", "ADDED"]
    platform.ask(RESTORE, expert, input={"changeId": history["edges"][0]["node"]["id"]})
    assert platform.ask(CONCEPT, expert, id=concept_id("LLAMA_SIGN"))["code"] == "LLAMA_SIGN"


def test_a_taken_name_is_refused_in_the_viewers_language_with_its_owner(
    platform: World, expert: Actor
) -> None:
    refused = platform.ask(CREATE, expert, input={**LLAMA, "synonymsFr": ["BBG"]})
    owner = the_ontology().concept("LBBB").label_fr
    assert refused["fields"] == [
        {"path": ["synonymsFr"], "message": f"“BBG” is already a name of “{owner}”.", "code": "name_taken"}
    ]


@pytest.mark.parametrize("operation", [UPDATE, DELETE])
def test_a_concept_that_is_none_is_missing(platform: World, expert: Actor, operation: str) -> None:
    given: dict[str, Any] = {"id": concept_id("NO_SUCH"), "version": "1"}
    if operation == UPDATE:
        given |= {key: LLAMA[key] for key in ("labelFr", "labelEn", "category", "kind")}
    assert platform.ask(operation, expert, input=given)["__typename"] == "NotFound"


def test_edu_ecgs_file_is_imported_with_its_faults_for_an_expert_to_settle(
    platform: World, expert: Actor, shared_data: Path
) -> None:
    with (shared_data / "ontology" / "edu-ecg.json").open("rb") as file:
        made = platform.ask(IMPORT, expert, input={"name": "edu-ecg", "file": file})
    assert (made["name"], made["origin"], made["active"]) == ("edu-ecg", "IMPORTED", False)
    assert made["conceptCount"] > len(the_ontology().concepts)
    faults = platform.ask(FAULTS, expert, id=made["id"], filter={"open": True})
    assert faults["totalCount"] == made["openFaultCount"] > 0
    first = faults["edges"][0]["node"]
    settled = platform.ask(SETTLE, expert, input={"id": first["id"], "decision": "laissé de côté"})
    assert settled["decision"] == "laissé de côté"
    assert platform.ask(FAULTS, expert, id=made["id"], filter={"open": True})["totalCount"] == (
        faults["totalCount"] - 1
    )
    assert platform.ask(FAULTS, expert, id=made["id"])["totalCount"] == faults["totalCount"]


def test_an_expert_imports_and_an_administrator_switches(platform: World, expert: Actor) -> None:
    entry = concept_document(the_ontology().concept("LBBB")) | {"parents": [], "excludes": []}
    for relation in ("requires", "supports", "against", "parts"):
        entry.pop(relation, None)
    content = json.dumps({"version": 1, "concepts": {"ONLY": entry}}).encode()
    made = platform.ask(IMPORT, expert, input={"name": "Une seule", "file": io.BytesIO(content)})
    assert platform.ask(ACTIVATE, expert, input={"id": made["id"]})["code"] == "not_allowed"
    administrator = platform.person(Role.ADMIN)
    assert platform.ask(ACTIVATE, administrator, input={"id": made["id"]})["active"] is True
    listed = platform.ask("{ concepts { totalCount edges { node { code } } } }", expert)
    assert [edge["node"]["code"] for edge in listed["edges"]] == ["ONLY"]


def test_an_ontology_not_in_use_is_missing_for_who_may_not_edit(platform: World, expert: Actor) -> None:
    content = json.dumps({"version": 1, "concepts": {}}).encode()
    made = platform.ask(IMPORT, expert, input={"name": "Vide", "file": io.BytesIO(content)})
    one, node = "query($id: ID!) { ontology(id: $id) { name } }", "query($id: ID!) { node(id: $id) { id } }"
    assert platform.ask(one, expert, id=made["id"]) == {"name": "Vide"}
    for text in (one, node):
        assert platform.ask(text, platform.person(Role.STUDENT), id=made["id"]) is None


def test_a_superseded_ontology_is_forgotten(platform: World, expert: Actor) -> None:
    platform.ask(CREATE, expert, input=LLAMA)
    platform.ask(CONCEPT, expert, id=concept_id("LLAMA_SIGN"))
    superseded = weakref.ref(platform.services.ontology)
    gone = {"id": concept_id("LLAMA_SIGN"), "version": platform.services.ontology.version}
    platform.ask(DELETE, expert, input=gone)
    gc.collect()
    assert superseded() is None


def test_a_file_that_is_no_ontology_is_refused_beside_its_field(platform: World, expert: Actor) -> None:
    refused = platform.ask(IMPORT, expert, input={"name": "Zoo", "file": io.BytesIO(b"\x89PNG")})
    assert [each["path"] for each in refused["fields"]] == [["file"]]


def test_our_own_ontology_exported_is_not_imported_again(platform: World, expert: Actor) -> None:
    ours = the_ontology()
    content = json.dumps(ontology_document(ours.concepts, ours.number)).encode()
    refused = platform.ask(IMPORT, expert, input={"name": "La nôtre", "file": io.BytesIO(content)})
    assert [each["code"] for each in refused["fields"]] == ["ontology_known"]
