"""A learning system's side of the API: a token and a few typed calls."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson

REFUSALS = """
  ... on ValidationErrors { fields { path message code } }
  ... on NotFound { message }
  ... on NotAllowed { message code }
  ... on Conflict { message code current }
"""


_http = httpx.Client(timeout=60)
"""One for all: making one reads every certificate authority, a tenth of a second of processor time."""


@dataclass(frozen=True)
class Client:
    """Speaks GraphQL with a bearer token."""

    address: str
    token: str

    def send(self, query: str, **variables: Any) -> dict[str, Any]:
        """Return the data of an operation; errors fail."""
        answer = _http.post(
            f"{self.address}/graphql",
            json={"query": query, "variables": variables},
            headers={"Authorization": f"Bearer {self.token}"},
        ).json()
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data

    def mutate(self, field: str, kind: str, wanted: str, given: dict[str, Any]) -> dict[str, Any]:
        """Run one mutation and return the object it made; a refusal fails."""
        name = field[0].upper() + field[1:]
        query = f"""mutation($input: {name}Input!) {{
          {field}(input: $input) {{ __typename ... on {kind} {{ {wanted} }} {REFUSALS} }}
        }}"""
        value: dict[str, Any] = self.send(query, input=given)[field]
        assert value["__typename"] == kind, value
        return value

    def upload(self, case_id: str, path: Path) -> dict[str, Any]:
        """Add a recording by the multipart request specification."""
        query = f"""mutation($input: AddRecordingInput!) {{
          addRecording(input: $input) {{ __typename ... on Case {{ id }} {REFUSALS} }}
        }}"""
        operations = {"query": query, "variables": {"input": {"caseId": case_id, "file": None}}}
        answer = _http.post(
            f"{self.address}/graphql",
            data={"operations": orjson.dumps(operations).decode(), "map": '{"0": ["variables.input.file"]}'},
            files={"0": (path.name, path.read_bytes())},
            headers={"Authorization": f"Bearer {self.token}"},
        ).json()
        assert "errors" not in answer, answer
        value: dict[str, Any] = answer["data"]["addRecording"]
        assert value["__typename"] == "Case", value
        return value


def make_session(
    client: Client, picture: Path, concepts: list[str], cases: int = 1, minutes: int = 60
) -> str:
    """Make a session of validated cases with one concept each and return its id."""
    made = []
    for number in range(cases):
        case = client.mutate("createCase", "Case", "id", {"name": f"Cas {number + 1}"})
        client.upload(case["id"], picture)
        chosen = [
            {"conceptId": code, "confidence": 100, "type": "PICKED", "coefficient": 1.0, "role": "SCORED"}
            for code in concepts
        ]
        wanted = {"caseId": case["id"], "annotations": chosen}
        revision = client.mutate("addAnnotations", "Case", "id revision", wanted)["revision"]
        client.mutate("validateCase", "Case", "id", {"id": case["id"], "revision": revision})
        made.append(case["id"])
    fields = {
        "name": "Depuis une plateforme",
        "objectives": "",
        "difficulty": "BEGINNER",
        "timeLimitMinutes": minutes,
        "caseIds": made,
        "showFeedback": True,
        "allowRetry": False,
        "anonymiseTitles": True,
    }
    session_id: str = client.mutate("createSession", "Session", "id joinCode", fields)["id"]
    return session_id
