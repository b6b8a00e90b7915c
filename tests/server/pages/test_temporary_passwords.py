"""A temporary password opens one page, on which it is changed, for three days."""

import re
from datetime import timedelta
from typing import Any

import pytest

from schema.models.accounts import Account
from schema.models.training import Attempt
from schema.policy import Role, Scope
from schema.services.tokens import Tokens
from schema.types.base import global_id
from server.app import Application
from tests.server.conftest import browser
from tests.server.pages.conftest import FRAGMENT, Meet, School, Visitor
from tests.server.pages.reading import Page
from tests.server.pages.test_who_may import FORMS, PAGES
from tests.server.test_auth import sign_in

OWN = "un mot de passe à moi"
OPEN = {"/account", "/account/password"}
TOLD = "Your password is temporary. Change it to go on."
CHANGE = """mutation($input: ChangePasswordInput!) { changePassword(input: $input) {
  __typename ... on Account { id email scopes } } }"""
PREFER = "mutation { setPreferences(input: {theme: DARK}) { __typename ... on NotAllowed { code message } } }"


def reset(meet: Meet, visitor: Visitor) -> str:
    """Have an administrator reset somebody's password; return the temporary one."""
    account = global_id("Account", visitor.actor.account_id)
    answer = meet(Role.ADMIN).ask("/accounts/reset-password", {"accountId": account})
    [password] = [part.split("<")[0] for part in answer.text.split('<code class="secret">')[1:]]
    return password


def come_back(visitor: Visitor, password: str) -> None:
    """Sign in anew on the device one was signed out on."""
    number = visitor.actor.account_id
    address = f"10.81.{number // 250}.{number % 250}"
    visitor.token = visitor.app.site.authentication.sign_in(visitor.email, password, address)
    visitor.browser.cookies.set("chevet_session", visitor.token, domain="testserver.local")


@pytest.fixture
def temporary(meet: Meet, student: Visitor) -> str:
    """Return the temporary password that the student is signed in with."""
    password = reset(meet, student)
    come_back(student, password)
    return password


def asked(visitor: Visitor, text: str, **variables: Any) -> Any:
    """Return the answer of the API to a browser session."""
    return visitor.browser.post("/graphql", json={"query": text, "variables": variables}).json()


def test_a_stranger_signs_in_before_changing_a_password(meet: Meet) -> None:
    stranger = meet()
    assert stranger.browser.get("/account").headers["location"] == "/sign-in?next=/account"
    assert stranger.leads("/account/password", {"currentPassword": "x"}) == "/sign-in?next=/"


def test_the_administrator_reads_how_long_it_is_good_for(meet: Meet, student: Visitor) -> None:
    account = global_id("Account", student.actor.account_id)
    admin = meet(Role.ADMIN, "fr")
    page = admin.post("/accounts/reset-password", {"accountId": account}, 200)
    assert "valable trois jours, à changer à la première connexion" in page.words
    assert admin.get("/accounts").headings == ["Comptes"]  # their own password is as it was


@pytest.mark.usefixtures("temporary")
def test_every_page_leads_to_where_it_is_changed(student: Visitor) -> None:
    for path in [*PAGES, "/nothing-here", "/account/"]:
        if path not in OPEN:
            answer = student.browser.get(path)
            assert (answer.status_code, answer.headers["location"]) == (303, "/account"), path
            followed = student.browser.get(path, headers=FRAGMENT)
            assert (followed.status_code, followed.headers["hx-redirect"]) == (204, "/account"), path
    for path in FORMS:
        if path not in OPEN:
            assert student.leads(path) == "/account", path


@pytest.mark.usefixtures("temporary")
def test_a_script_is_told_why_nothing_is_saved(student: Visitor) -> None:
    answer = student.ask("/attempts/QXR0ZW1wdDox/1", headers={"accept": "application/json"})
    assert answer.status_code == 403
    assert answer.json()["message"] == (
        "Your password is temporary. Change it on “My account”, then reload this page."
    )


@pytest.mark.parametrize("role", [Role.TEACHER, Role.ADMIN])  # whose menu counts alerts
def test_the_page_has_one_form_and_says_why_in_the_persons_language(meet: Meet, role: Role) -> None:
    person = meet(role, "fr")
    come_back(person, reset(meet, person))
    page = person.get("/account")
    assert page.headings == ["Changer le mot de passe"]
    assert page.said("care") == ["Votre mot de passe est provisoire. Changez-le pour continuer."]
    sent = {form.action for form in page.forms if form.method == "post"}
    assert sent == {"/account/password", "/preferences", "/sign-out"}
    assert set(page.links) == {"#main", "/", "/account"}
    assert person.part("/account").said("care") == page.said("care")


@pytest.mark.parametrize(
    "typed, name, said",
    [
        ({"currentPassword": "wrong password"}, "currentPassword", "This is not your current password."),
        ({"newPassword": "short"}, "newPassword", "At least 10 characters."),
        ({}, "newPassword", "Choose another password than the current one."),
    ],
)
def test_what_is_no_change_is_said_beside_the_field_and_opens_nothing(
    temporary: str, student: Visitor, typed: dict[str, str], name: str, said: str
) -> None:
    both = {"currentPassword": temporary, "newPassword": temporary}
    page = student.post("/account/password", both | typed)
    assert page.error(name) == f"Error: {said}"
    assert page.said("care") == [TOLD]
    assert temporary not in page.html
    assert student.browser.get("/learn").headers["location"] == "/account"


def test_once_it_is_changed_everything_is_open(temporary: str, student: Visitor, school: School) -> None:
    page = student.get("/account")
    changed = student.press(page, "/account/password", currentPassword=temporary, newPassword=OWN)
    assert changed.headers["location"] == "/"
    assert student.follow(changed).said("done")
    student.get("/learn")
    assert "token" in student.get("/account").words
    account = school.row(Account, global_id("Account", student.actor.account_id))
    assert account.password_expires_at is None
    come_back(student, OWN)
    student.get("/learn")


@pytest.mark.usefixtures("temporary")
def test_signing_out_and_choosing_a_language_stay_possible(student: Visitor) -> None:
    page = student.get("/account")
    chosen = student.press(page, "/preferences", ("language", "fr"))
    assert student.follow(chosen).headings == ["Changer le mot de passe"]
    sheets = re.findall(r'href="(/static/[^"]+)"', page.html)
    assert {student.browser.get(sheet).status_code for sheet in sheets} == {200}
    assert student.leads("/sign-out") == "/sign-in"
    assert student.browser.get("/account").headers["location"] == "/sign-in?next=/account"


def test_the_api_takes_nothing_from_the_browser_but_the_change(temporary: str, student: Visitor) -> None:
    seen = asked(student, "{ viewer { displayName } }")
    assert seen["data"] == {"viewer": None}
    [refused] = seen["errors"]
    assert (refused["message"], refused["extensions"]["code"]) == (TOLD, "FORBIDDEN")
    assert asked(student, PREFER)["data"]["setPreferences"] == {
        "__typename": "NotAllowed",
        "code": "temporary_password",
        "message": TOLD,
    }
    given = {"currentPassword": temporary, "newPassword": OWN}
    assert asked(student, CHANGE, input=given)["data"]["changePassword"]["__typename"] == "Account"
    assert asked(student, "{ viewer { displayName } }")["data"] == {"viewer": {"displayName": student.name}}


@pytest.mark.usefixtures("temporary")
def test_the_api_follows_nothing_for_the_browser_either(student: Visitor) -> None:
    following = 'subscription { jobProgress(id: "Sm9iOjE=") { sequence } }'
    with student.browser.websocket_connect("/graphql", ["graphql-transport-ws"]) as socket:
        socket.send_json({"type": "connection_init"})
        assert socket.receive_json() == {"type": "connection_ack"}
        for number, text in enumerate(["{ viewer { displayName } }", PREFER, following]):
            socket.send_json({"id": str(number), "type": "subscribe", "payload": {"query": text}})
            assert TOLD in str(socket.receive_json())
            assert socket.receive_json()["type"] == "complete"


@pytest.mark.usefixtures("temporary")
def test_tokens_of_the_account_and_other_people_are_not_concerned(
    student: Visitor, teacher: Visitor, school: School
) -> None:
    teacher.get("/cases")
    owner = student.actor.account_id
    scopes = frozenset({Scope.PROFILE})
    made = school.do(
        lambda session: Tokens(session, school.clock, None).create(owner, "LMS", scopes, None).secret
    )
    with_token = {"authorization": f"Bearer {made}"}
    answer = student.browser.post("/graphql", json={"query": "{ viewer { email } }"}, headers=with_token)
    assert answer.json()["data"] == {"viewer": {"email": student.email}}


def test_once_it_has_expired_it_reads_like_a_wrong_one_and_opens_nothing(
    app: Application, meet: Meet, student: Visitor, school: School
) -> None:
    password = reset(meet, student)
    account = global_id("Account", student.actor.account_id)
    good_until = school.row(Account, account).password_expires_at
    assert timedelta(hours=71) < good_until - school.clock() <= timedelta(hours=72)
    school.change(Account, account, password_expires_at=school.clock())
    number = student.actor.account_id
    client = browser(app, f"10.82.{number // 250}.{number % 250}")
    wrong, late = (sign_in(client, student.email, typed) for typed in ("not the password", password))
    assert wrong.status_code == late.status_code == 422
    assert Page(late.text).words == Page(wrong.text).words
    assert "E-mail or password is wrong." in late.text
    assert "chevet_session" not in client.cookies


def test_an_attempt_under_way_goes_on_with_what_was_saved(
    meet: Meet, student: Visitor, school: School
) -> None:
    attempt = school.begun(school.session(), student)
    school.answered(attempt, student, "Bloc de branche gauche complet")
    password = reset(meet, student)
    assert student.browser.get(f"/attempts/{attempt}/1").status_code == 303
    come_back(student, password)
    student.ask("/account/password", {"currentPassword": password, "newPassword": OWN})
    assert "Bloc de branche gauche complet" in student.get(f"/attempts/{attempt}/1").html
    assert school.row(Attempt, attempt).submitted_at is None
