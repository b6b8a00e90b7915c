"""What models read of the recordings of an attempt, for whoever sees its marks."""

from typing import Any

from starlette.requests import Request

from server.pages.support import query


async def readings(request: Request, attempt: dict[str, Any]) -> dict[str, str]:
    """Return the newest prediction of each recording that the viewer may see, by the recording's id."""
    if not attempt["feedbackShown"]:
        return {}
    data = await query(request, "predictions/of_attempt", attemptId=attempt["id"])
    found = [edge["node"] for edge in data["predictions"]["edges"] if edge["node"]["recording"]]
    return {each["recording"]["id"]: each["id"] for each in reversed(found)}
