"""The builder: import, annotate, validate, session. A draft is a case: returning to it loses nothing."""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schema.policy import Scope
from server.context import visitor_of
from server.demo import demo_ecg
from server.forms import Form, Problem, kept, number_of
from server.i18n import gettext as _
from server.i18n import ngettext
from server.pages.support import (
    Submission,
    ask,
    form_of,
    found,
    mutate,
    query,
    redirect,
    render,
    submit,
    texts,
)
from server.site import site_of
from server.uploads import FileDoor, SignedIn

MAX_FILES_BODY = 1_050_000_000
"""Bytes sent at once: several files, each at most 200 MB."""
MAX_FORM_BODY = 1_000_000
SEARCH_FIELDS = ("archive", "modality", "since", "until", "description")
TAKING_FILES = [
    Middleware(SignedIn),
    Middleware(FileDoor, largest={Scope.CASES_WRITE: MAX_FILES_BODY}, ordinary=MAX_FORM_BODY),
]


async def resume(request: Request) -> Response:
    """Return to the viewer's latest draft where they left it, or begin."""
    data = await query(request, "builder/start")
    drafts = [edge["node"] for edge in data["drafts"]["edges"]]
    if not drafts:
        return await _start(request)
    step = "annotate" if drafts[0]["recordings"] else "import"
    return redirect(request, address(drafts[0]["id"], step))


async def start(request: Request) -> Response:
    """Show an empty builder, with the drafts one may go back to."""
    return await _start(request)


async def create(request: Request) -> Response:
    """Make a draft of the files that were sent; without any good file nothing is kept."""
    files = await _files(request)
    if not files:
        return await _start(request, [_("Choose at least one file.")])
    made = await mutate(request, "builder/create_case", input={})
    if not made.ok:
        raise HTTPException(made.status)
    case_id = made.value["id"]
    problems, held = await _add_files(request, case_id, files)
    if len(problems) == len(files):
        await mutate(request, "cases/delete", input={"id": case_id})
        return await _start(request, problems)
    return await _after_upload(request, case_id, files, problems, held)


async def choose_batch(request: Request) -> Response:
    """Ask for many ECGs at once."""
    return await _batch(request, Submission("Job"))


async def import_batch(request: Request) -> Response:
    """Have many ECGs made cases, beside what else goes on."""
    done = await submit(request, "builder/import_recordings", idempotencyKey=secrets.token_urlsafe(16))
    if not done.ok:
        return await _batch(request, done)
    return redirect(request, f"/jobs/{done.value['id']}")


async def search_pacs(request: Request) -> Response:
    """Search an archive once one is chosen; its answer is a list to tick what to import in."""
    return await _pacs(request, FormData(dict(request.query_params)), Submission("Job"))


async def import_from_pacs(request: Request) -> Response:
    """Have what was ticked fetched and made cases, beside what else goes on."""
    form = await form_of(request)
    given = {"series": form.getlist("series"), "idempotencyKey": secrets.token_urlsafe(16)}
    done = await submit(request, "builder/import_from_pacs", **given)
    if not done.ok:
        return await _pacs(request, form, done)
    return redirect(request, f"/jobs/{done.value['id']}")


async def show_import(request: Request) -> Response:
    """Show the first step: recordings and what the case is."""
    return await _step(request, "import")


async def show_annotate(request: Request) -> Response:
    """Show the second step: describe, see what is proposed, pick by hand."""
    return await _step(request, "annotate")


async def show_validate(request: Request) -> Response:
    """Show the third step: the whole case once more."""
    return await _step(request, "validate")


async def upload(request: Request) -> Response:
    """Add files to the draft."""
    files = await _files(request)
    case_id = request.path_params["id"]
    if not files:
        return await _after_upload(request, case_id, files, [_("Choose at least one file.")], "")
    problems, held = await _add_files(request, case_id, files)
    return await _after_upload(request, case_id, files, problems, held)


async def arrange(request: Request) -> Response:
    """Save what the recordings are called; then move or remove one, if that was asked."""
    form = await form_of(request)
    case_id = request.path_params["id"]
    case = found((await query(request, "builder/show", id=case_id))["case"])
    gone, move = form.get("remove"), form.get("move")
    done = await _rename(request, form, [each for each in case["recordings"] if each["id"] != gone])
    if done.ok and isinstance(move, str):
        done = await _move(request, case, move)
    elif done.ok and isinstance(gone, str):
        done = await mutate(request, "builder/remove_recording", input={"id": gone})
    return await _back(request, done, case_id, "import", focus="recordings")


async def save(request: Request) -> Response:
    """Save what the case is, and go on."""
    case_id = request.path_params["id"]
    typed = await texts(request, "name", "description")
    done = await submit(request, "builder/update_case", id=case_id, **typed)
    if not done.ok:
        return await _step(request, "import", done)
    return redirect(request, address(case_id, "annotate"))


async def describe(request: Request) -> Response:
    """Keep the free description and show what it says."""
    case_id = request.path_params["id"]
    typed = await texts(request, "draftText")
    done = await submit(request, "builder/update_case", id=case_id, **typed)
    return await _back(request, done, case_id, "annotate", focus="proposed")


async def annotate(request: Request) -> Response:
    """Add proposed or picked concepts, change a weight, remove a concept."""
    form = await form_of(request)
    case_id = request.path_params["id"]
    if isinstance(gone := form.get("remove"), str):
        done = await mutate(request, "builder/remove_annotation", input={"id": gone})
    elif "weigh" in form:
        done = await _reweigh(request, case_id, form)
    else:
        wanted = form.getlist("proposed") if "all" in form else form.getlist("add")
        chosen = [_annotation(form, str(value)) for value in wanted]
        given = {"caseId": case_id, "annotations": chosen}
        done = await mutate(request, "builder/add_annotations", input=given)
    return await _back(request, done, case_id, "annotate", focus="kept")


async def validate(request: Request) -> Response:
    """Declare the case ready for sessions."""
    case_id = request.path_params["id"]
    done = await submit(request, "builder/validate_case", id=case_id)
    if not done.ok:
        return await _step(request, "validate", done)
    return redirect(request, f"/builder/session?case={case_id}", said=_("The case is validated."))


def address(case_id: str, step: str) -> str:
    """Return a step's address."""
    return f"/builder/{case_id}/{step}"


async def _start(request: Request, problems: list[str] | None = None) -> Response:
    given = {**await query(request, "builder/start"), "problems": problems or []}
    return await render(request, "builder/start.html", given, status=422 if problems else 200)


async def _batch(request: Request, done: Submission) -> Response:
    given = {**await query(request, "builder/start"), "form": done.form, "refusal": done.message}
    return await render(request, "builder/batch.html", given, status=done.status)


async def _pacs(request: Request, sent: FormData, done: Submission) -> Response:
    """Show the archives, and what is in the one that was asked for."""
    actor = visitor_of(request).actor
    if actor is not None and not actor.may(Scope.PACS):
        raise HTTPException(403)
    data = await query(request, "builder/pacs")
    archives, problems, listed = data["pacsArchives"], list(done.form.problems), None
    if archives and "archive" in sent:
        answer, wrong = await ask(request, "builder/search_pacs", sent)
        problems += wrong
        listed = None if wrong else found(answer["searchPacs"])
    given = {
        **data,
        "named": [(name, name) for name in archives],
        "asked": _asked(request, sent),
        "found": listed,
        "form": Form(done.form.typed, problems),
        "refusal": done.message,
    }
    return await render(request, "builder/pacs.html", given, status=422 if problems else done.status)


def _asked(request: Request, sent: Mapping[str, Any]) -> dict[str, str]:
    """Return what is searched for; at first the ECGs of the last seven days."""
    today = site_of(request).today()
    usual = {"modality": "ECG", "since": str(today - timedelta(days=7)), "until": str(today)}
    if "archive" in sent:
        usual = {}
    return {name: str(sent.get(name, usual.get(name, ""))) for name in SEARCH_FIELDS}


async def _step(
    request: Request, step: str, failed: Submission | None = None, files: list[str] | None = None
) -> Response:
    data = await query(request, "builder/show", id=request.path_params["id"])
    case = found(data["case"])
    if not case["viewerCanEdit"]:
        raise HTTPException(403)
    if case["status"] == "ARCHIVED" and failed is None and not files:
        return redirect(request, f"/cases/{case['id']}", said=_("This case is archived."), kind="care")
    refused = failed is not None and not failed.ok
    given: dict[str, Any] = {
        **data,
        "step": step,
        "form": failed.form if failed else Form(),
        "refusal": failed.message if failed else "",
        "file_problems": files or [],
    }
    if step == "annotate":
        given |= {**await _proposals(request, case), **await _suggestions(request)}
    status = failed.status if failed and refused else 422 if files else 200
    return await render(request, f"builder/{step}.html", given, status=status)


async def _proposals(request: Request, case: dict[str, Any]) -> dict[str, Any]:
    """Return what the description says, and the concepts of the category or search one asked for."""
    asked = request.query_params
    category, search = asked.get("category") or None, asked.get("search") or None
    picked: dict[str, Any] = {"edges": []}
    if category or search:
        listed = await query(request, "builder/concepts", category=category, search=search)
        picked = listed["concepts"]
    matching = None
    extra: dict[str, Any] = {}
    if case["draftText"].strip():
        matched = await query(request, "builder/match", text=case["draftText"])
        matching, extra = matched["matchConcepts"], {"statistics": matched["statistics"]}
    kept = {annotation["concept"]["code"] for annotation in case["annotations"]}
    return {
        **extra,
        "matching": matching,
        "kept": kept,
        "picked": [edge["node"] for edge in picked["edges"]],
        "asked": {"category": category or "", "search": search or ""},
    }


async def _suggestions(request: Request) -> dict[str, Any]:
    """Return what a prediction suggests that the page was opened with."""
    prediction_id = request.query_params.get("prediction")
    if not prediction_id:
        return {"suggestions": None}
    data = await query(request, "predictions/findings", id=prediction_id)
    return {"suggestions": data["prediction"]}


async def _add_files(request: Request, case_id: str, files: list[UploadFile]) -> tuple[list[str], str]:
    """Add each file; return a sentence for each that could not be read, and the first page that is held.

    The good ones are kept.
    """
    problems, held = [], ""
    for number, file in enumerate(files, start=1):
        given = {"caseId": case_id, "file": file}
        added = await mutate(request, "builder/add_recording", input=given)
        if not added.ok:
            said = added.message or " ".join(problem.message for problem in added.form.problems)
            problems.append(_("File %(number)s: %(problem)s") % {"number": number, "problem": said})
        elif added.value["heldPages"]:
            held = added.value["heldPages"][0]["id"]
    return problems, held


async def _files(request: Request) -> list[UploadFile]:
    """Return the files that were sent, or the demonstration ECG; all are closed after the request."""
    form = await form_of(request)
    if "demo" in form:
        demo = UploadFile(demo_ecg().open("rb"))
        request.scope["state"]["closing"].append(demo.close)
        return [demo]
    return [file for file in form.getlist("files") if isinstance(file, UploadFile) and file.filename]


async def _after_upload(
    request: Request, case_id: str, files: list[UploadFile], problems: list[str], held: str
) -> Response:
    request.path_params["id"] = case_id
    if problems:
        return await _step(request, "import", files=problems)
    if held:
        return redirect(request, f"/held/{held}")
    said = ngettext("The ECG was added.", "%(num)s ECGs were added.", len(files)) % {"num": len(files)}
    return redirect(request, address(case_id, "import"), said=said)


async def _move(request: Request, case: dict[str, Any], move: str) -> Submission:
    """Read `ID:up`, `ID:down` or `ID:POSITION`; what is no place leaves the order as it is."""
    recording_id, _colon, where = move.rpartition(":")
    places = {recording["id"]: recording["position"] for recording in case["recordings"]}
    if recording_id not in places:
        raise HTTPException(404)
    now = int(places[recording_id])
    target = {"up": now - 1, "down": now + 1}.get(where, int(where[:4]) if where.isdecimal() else now)
    target = min(max(target, 0), len(places) - 1)
    return await mutate(request, "builder/move_recording", input={"id": recording_id, "position": target})


async def _rename(request: Request, form: FormData, recordings: list[dict[str, Any]]) -> Submission:
    """Save the labels and timings that differ; one that is refused holds back no other."""
    answers = []
    for recording in recordings:
        one, before = recording["id"], {name: recording[name] for name in ("label", "timing")}
        typed = {name: str(form.get(f"{name}_{one}", value)) for name, value in before.items()}
        if typed != before:
            done = await mutate(request, "builder/update_recording", input={"id": one, **typed})
            answers.append(_beside(done, one))
    return _together(answers)


async def _back(request: Request, done: Submission, case_id: str, step: str, focus: str) -> Response:
    if not done.ok:
        return await _step(request, step, done)
    query_string = f"?{request.url.query}" if request.url.query else ""
    return redirect(request, f"{address(case_id, step)}{query_string}#{focus}")


async def _reweigh(request: Request, case_id: str, form: FormData) -> Submission:
    """Save the weights and roles that differ; one that is refused holds back no other."""
    answers = []
    for annotation in found((await query(request, "builder/show", id=case_id))["case"])["annotations"]:
        one = annotation["id"]
        coefficient = number_of(form.get(f"coefficient_{one}", annotation["coefficient"]))
        role = str(form.get(f"role_{one}", annotation["role"]))
        if coefficient is None:
            wrong = Problem("coefficient", "not_a_number", _("Give a number."))
            answers.append(_beside(Submission("ValidationErrors", form=Form(kept(form), [wrong])), one))
        elif (coefficient, role) != (annotation["coefficient"], annotation["role"]):
            given = {"id": one, "coefficient": coefficient, "role": role}
            answers.append(_beside(await mutate(request, "builder/update_annotation", input=given), one))
    return _together(answers)


def _beside(done: Submission, one: str) -> Submission:
    """Return an answer whose problems stand beside the fields of one among several: `label_ID`."""
    problems = [replace(problem, path=f"{problem.path}_{one}") for problem in done.form.problems]
    return replace(done, form=Form(done.form.typed, problems))


def _together(answers: list[Submission]) -> Submission:
    """Return the answer to several mutations: the first refusal, with the problems of all."""
    refused = [answer for answer in answers if not answer.ok]
    if not refused:
        return Submission("Case")
    problems = [problem for answer in refused for problem in answer.form.problems]
    return replace(refused[0], form=Form(refused[0].form.typed, problems))


def _annotation(form: FormData, value: str) -> dict[str, Any]:
    """Read `CODE:CONFIDENCE` (proposed) or `CODE` (picked)."""
    code, _colon, confidence = value.partition(":")
    return {
        "conceptId": code,
        "confidence": _sent_number(confidence or "100"),
        "type": str(form.get("type", "MATCHED" if confidence else "PICKED")),
        "coefficient": _sent_number(form.get("coefficient", "1.0")),
        "role": str(form.get("role", "SCORED")),
    }


def _sent_number(value: object) -> float:
    """Read a number the page itself wrote into a button."""
    number = number_of(value)
    if number is None:
        raise HTTPException(400)
    return number


routes = [
    Route("/builder", resume, name="builder"),
    Route("/builder/new", start, name="builder_new"),
    Route("/builder/new", create, methods=["POST"], max_body_size=MAX_FILES_BODY, middleware=TAKING_FILES),
    Route("/builder/batch", choose_batch, name="builder_batch"),
    Route(
        "/builder/batch",
        import_batch,
        methods=["POST"],
        max_body_size=MAX_FILES_BODY,
        middleware=TAKING_FILES,
    ),
    Route("/builder/pacs", search_pacs, name="builder_pacs"),
    Route("/builder/pacs", import_from_pacs, methods=["POST"]),
    Route("/builder/{id}/import", show_import),
    Route("/builder/{id}/annotate", show_annotate),
    Route("/builder/{id}/validate", show_validate),
    Route(
        "/builder/{id}/recordings",
        upload,
        methods=["POST"],
        max_body_size=MAX_FILES_BODY,
        middleware=TAKING_FILES,
    ),
    Route("/builder/{id}/arrange", arrange, methods=["POST"]),
    Route("/builder/{id}/save", save, methods=["POST"]),
    Route("/builder/{id}/describe", describe, methods=["POST"]),
    Route("/builder/{id}/annotations", annotate, methods=["POST"]),
    Route("/builder/{id}/validate", validate, methods=["POST"]),
]
