"""The builder: import, annotate, validate, session. A draft is a case: returning to it loses nothing."""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
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
from server.uploads import files_of

MAX_FILES_BODY = 1_050_000_000
"""Bytes sent at once: several files, each at most 200 MB."""
MAX_FORM_BODY = 1_000_000
STEPS = ("import", "annotate", "validate", "session")
SHELF_FIELDS = ("category", "search")
SEARCH_FIELDS = ("archive", "modality", "since", "until", "description")
TAKING_FILES = files_of(Scope.CASES_WRITE, MAX_FILES_BODY, MAX_FORM_BODY)


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
    request.path_params["id"] = case_id
    if problems:
        return await _step(request, "import", files=problems)
    return _uploaded(request, case_id, files, held)


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


async def change_import(request: Request) -> Response:
    """Keep what the first step has typed, add its files, then do what was pressed."""
    form, files = await form_of(request), await _files(request)
    case = await _draft(request)
    done = await _keep_import(request, form, case)
    problems, held = await _add_files(request, case["id"], files)
    if "upload" in form and not files:
        problems = [_("Choose at least one file.")]
    if done.ok:
        done = await _arrange(request, form, case)
    if problems or not done.ok:
        return await _step(request, "import", done, problems)
    if files:
        return _uploaded(request, case["id"], files, held)
    if onward := _onward(form, case["id"]):
        return redirect(request, onward)
    moved = "move" in form or "remove" in form
    said = "" if moved else _("Saved.")
    return redirect(request, f"{address(case['id'], 'import')}{'#recordings' if moved else ''}", said=said)


async def annotate(request: Request) -> Response:
    """Keep the description, the weights and the roles, then do what was pressed."""
    form = await form_of(request)
    case = await _draft(request)
    done = await _keep_annotate(request, form, case)
    gone = form.get("remove")
    if done.ok and isinstance(gone, str):
        done = await mutate(request, "builder/remove_annotation", input={"id": gone})
    elif done.ok and ("add" in form or "all" in form):
        chosen = [_annotation(form, str(value)) for value in _wanted(form)]
        given = {"caseId": case["id"], "annotations": chosen}
        done = await mutate(request, "builder/add_annotations", input=given)
    if not done.ok:
        return await _step(request, "annotate", done)
    if onward := _onward(form, case["id"]):
        return redirect(request, onward)
    shelf = await _shelf(request)
    same = all(shelf[name] == request.query_params.get(name, "") for name in SHELF_FIELDS)
    focus = _source(form) or ("kept" if same and "look" not in form else "pick")
    return redirect(request, f"{address(case['id'], 'annotate')}{_asking(shelf)}#{focus}")


async def validate(request: Request) -> Response:
    """Declare the case ready for sessions."""
    case_id = request.path_params["id"]
    done = await submit(request, "builder/validate_case", id=case_id)
    if not done.ok:
        return await _step(request, "validate", done)
    return redirect(request, address(case_id, "session"), said=_("The case is validated."))


def address(case_id: str, step: str) -> str:
    """Return a step's address."""
    return f"/builder/session?case={case_id}" if step == "session" else f"/builder/{case_id}/{step}"


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
    asked = await _shelf(request)
    category, search = asked["category"] or None, asked["search"] or None
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
        "asked": asked,
        "asking": _asking(asked),
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


def _uploaded(request: Request, case_id: str, files: list[UploadFile], held: str) -> Response:
    """Lead to a page that is to be checked first, or to the recordings that were added."""
    if held:
        return redirect(request, f"/held/{held}")
    said = ngettext("The ECG was added.", "%(num)s ECGs were added.", len(files)) % {"num": len(files)}
    return redirect(request, address(case_id, "import"), said=said)


async def _draft(request: Request) -> dict[str, Any]:
    """Return the case a step is about to change."""
    data = await query(request, "builder/show", id=request.path_params["id"])
    case = found(data["case"])
    if not case["viewerCanEdit"]:
        raise HTTPException(403)
    return case


async def _keep_import(request: Request, form: FormData, case: dict[str, Any]) -> Submission:
    """Keep what the case is and what its recordings are called; what is refused holds back nothing else."""
    answers = []
    if _differs(form, case, "name", "category", "difficulty", "description"):
        typed = await texts(request, "name", "description")
        answers.append(await submit(request, "builder/update_case", id=case["id"], **typed))
    staying = [each for each in case["recordings"] if each["id"] != form.get("remove")]
    answers.append(await _rename(request, form, staying))
    return _together(answers)


async def _keep_annotate(request: Request, form: FormData, case: dict[str, Any]) -> Submission:
    """Keep the description, the weights and the roles; what is refused holds back nothing else."""
    answers = []
    if _differs(form, case, "draftText"):
        revision = str(form.get("revision", ""))
        given = {
            "id": case["id"],
            "revision": int(revision[:9]) if revision.isdecimal() else 0,
            "draftText": str(form["draftText"]),
        }
        answers.append(await mutate(request, "builder/update_case", input=given))
    staying = [each for each in case["annotations"] if each["id"] != form.get("remove")]
    answers.append(await _reweigh(request, form, staying))
    return _together(answers)


def _differs(form: FormData, case: Mapping[str, Any], *names: str) -> bool:
    """Return whether a form has other words than the case: only then must it be of the latest revision."""
    sent = {name: form[name] for name in names if name in form}
    return any(str(value).replace("\r\n", "\n") != case[name] for name, value in sent.items())


async def _arrange(request: Request, form: FormData, case: dict[str, Any]) -> Submission:
    """Move or remove a recording, if that was pressed."""
    if isinstance(move := form.get("move"), str):
        return await _move(request, case, move)
    if isinstance(gone := form.get("remove"), str):
        return await mutate(request, "builder/remove_recording", input={"id": gone})
    return Submission("Case")


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


async def _reweigh(request: Request, form: FormData, annotations: list[dict[str, Any]]) -> Submission:
    """Save the weights and roles that differ; one that is refused holds back no other."""
    answers = []
    for annotation in annotations:
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


def _source(form: FormData) -> str:
    """Return the part of the page that one concept is added from; empty where none is."""
    if "add" not in form:
        return "proposed" if "find" in form else ""
    return ("pick", "proposed", "suggested")[min(str(form["add"]).count(":"), 2)]


def _onward(form: FormData, case_id: str) -> str:
    """Return the address of the step that was pressed; empty where none was."""
    step = str(form.get("go", ""))
    return address(case_id, step) if step in STEPS else ""


def _wanted(form: FormData) -> list[Any]:
    """Return the concepts to add: one, or all that the description or the model proposes."""
    if "all" not in form:
        return form.getlist("add")
    return form.getlist("suggested" if form["all"] == "suggested" else "proposed")


def _annotation(form: FormData, value: str) -> dict[str, Any]:
    """Read `CODE:CONFIDENCE` (proposed), `CODE:CONFIDENCE:SUGGESTED` or `CODE` (picked, with its weight)."""
    code, confidence, kind = (*value.split(":", 2), "", "")[:3]
    return {
        "conceptId": code,
        "confidence": _sent_number(confidence or "100"),
        "type": kind or ("MATCHED" if confidence else "PICKED"),
        "coefficient": 1.0 if confidence else _sent_number(form.get("coefficient", "1.0")),
        "role": "SCORED",
    }


async def _shelf(request: Request) -> dict[str, str]:
    """Return the concepts one looks for, and the prediction the page was opened with."""
    asked = {**request.query_params, **(await form_of(request) if request.method == "POST" else {})}
    return {name: str(asked.get(name, "")) for name in (*SHELF_FIELDS, "prediction")}


def _asking(shelf: Mapping[str, str]) -> str:
    """Return the end of an address that asks for the same again."""
    asked = {name: value for name, value in shelf.items() if value}
    return f"?{urlencode(asked)}" if asked else ""


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
        "/builder/{id}/import",
        change_import,
        methods=["POST"],
        max_body_size=MAX_FILES_BODY,
        middleware=TAKING_FILES,
    ),
    Route("/builder/{id}/annotations", annotate, methods=["POST"]),
    Route("/builder/{id}/validate", validate, methods=["POST"]),
]
