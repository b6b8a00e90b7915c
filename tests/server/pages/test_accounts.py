"""My account and its tokens, everybody's accounts, the audit trail."""

import re

import pytest

from schema.models.accounts import Account, ApiToken
from schema.policy import ROLE_SCOPES, Role, Scope
from schema.services.trusted_documents import sha256
from schema.types.base import global_id
from server.migrations import ROOT
from server.pages.paging import PAGE_SIZE
from tests.server.conftest import PASSWORD
from tests.server.pages.conftest import Meet, School, Visitor, key_of
from tests.server.pages.reading import Page

NEW = {"displayName": "Ana Neuve", "role": "STUDENT", "password": "a long first one"}


@pytest.mark.parametrize("role", list(Role))
def test_every_role_sees_its_account_and_every_scope_in_words(meet: Meet, role: Role) -> None:
    visitor = meet(role)
    page = visitor.get("/account")
    assert page.headings == ["My account"]
    assert visitor.email in page.words
    for scope in ROLE_SCOPES[role]:
        assert f'id="scope_{scope.name}"' in page.html
    assert "token" in page.words


def test_the_password_is_changed(teacher: Visitor) -> None:
    page = teacher.get("/account")
    changed = teacher.press(
        page, "/account/password", currentPassword=PASSWORD, newPassword="another long one"
    )
    page = teacher.follow(changed)
    assert page.said("done") == [
        "The password is changed. Other devices are signed out; tokens stay good until they are revoked."
    ]
    sign_in = teacher.app.site.authentication.sign_in
    assert sign_in(teacher.email, "another long one", "10.77.0.1")


@pytest.mark.parametrize(
    "current, new, name, said",
    [
        ("wrong password", "another long one", "currentPassword", "This is not your current password."),
        (PASSWORD, "short", "newPassword", "At least 10 characters."),
        (PASSWORD, "x" * 201, "newPassword", "At most 200 characters."),
        (PASSWORD, "", "newPassword", "At least 10 characters."),
    ],
)
def test_a_password_that_cannot_be_is_said_beside_its_field_and_never_shown_again(
    teacher: Visitor, current: str, new: str, name: str, said: str
) -> None:
    page = teacher.post("/account/password", {"currentPassword": current, "newPassword": new})
    assert page.error(name) == f"Error: {said}"
    assert (page.values["currentPassword"], page.values["newPassword"]) == ("", "")
    assert PASSWORD not in page.html


def test_the_address_is_changed(teacher: Visitor) -> None:
    page = teacher.get("/account")
    moved = f"moved{teacher.actor.account_id}@example.org"
    changed = teacher.press(page, "/account/email", email=moved, currentPassword=PASSWORD)
    page = teacher.follow(changed)
    assert page.said("done") == ["The e-mail address is changed. Sign in with it from now on."]
    assert moved in page.words
    assert teacher.email not in page.words
    assert teacher.app.site.authentication.sign_in(moved, PASSWORD, "10.77.0.2")


@pytest.mark.parametrize(
    "current, email, name, said",
    [
        ("wrong password", "new@example.org", "emailPassword", "This is not your current password."),
        (PASSWORD, "not an address", "email", "This is not an e-mail address."),
        (PASSWORD, "", "email", "This is not an e-mail address."),
    ],
)
def test_an_address_that_cannot_be_is_said_beside_its_field_and_kept(
    teacher: Visitor, current: str, email: str, name: str, said: str
) -> None:
    page = teacher.post("/account/email", {"currentPassword": current, "email": email})
    assert page.error(name) == f"Error: {said}"
    assert page.error("currentPassword") == ""
    assert page.values["email"] == email
    assert current not in page.html


def test_an_address_of_someone_else_is_refused_beside_the_field(teacher: Visitor, student: Visitor) -> None:
    page = teacher.post("/account/email", {"currentPassword": PASSWORD, "email": student.email})
    assert page.error("email") == "Error: An account with this address exists already."


def test_a_token_shows_its_secret_this_once_and_works(teacher: Visitor) -> None:
    page = teacher.get("/account")
    answer = teacher.press(page, "/account/tokens", name="Moodle", scopes=["CASES_READ", "PROFILE"])
    made = Page(answer.text)
    assert answer.status_code == 200
    assert made.faults() == []
    [secret] = [part.split("<")[0] for part in answer.text.split('<code class="secret">')[1:]]
    assert "Copy this token now" in made.words
    assert "Read cases" in made.words
    assert made.values["name"] == ""
    assert "scopes" not in dict(made.form("/account/tokens").fields)
    asked = teacher.browser.post(
        "/graphql",
        json={"query": "{ viewer { displayName } }"},
        headers={"authorization": f"Bearer {secret}"},
    )
    assert asked.json()["data"] == {"viewer": {"displayName": teacher.name}}
    assert secret not in teacher.get("/account").html


@pytest.mark.parametrize(
    "changed, name, said",
    [
        ({"name": ""}, "name", "This field is required."),
        ({"name": "n" * 81}, "name", "At most 80 characters."),
        ({"scopes": []}, "scopes", "This field is required."),
        ({"scopes": ["BOSS"]}, "scopes", "Choose one of the values offered."),
        ({"scopes": ["AUDIT_READ"]}, "scopes", "This goes beyond your own access: audit:read."),
        ({"expiresAt": "2020-01-01T00:00"}, "expiresAt", "Choose a time that is still to come."),
        ({"expiresAt": "never"}, "expiresAt", "Give a date and a time."),
    ],
)
def test_a_token_that_cannot_be_made_comes_back_as_it_was_typed(
    teacher: Visitor, school: School, changed: dict[str, str | list[str]], name: str, said: str
) -> None:
    form = {"name": "Moodle", "scopes": ["PROFILE"], "expiresAt": ""} | changed
    page = teacher.post("/account/tokens", form)
    assert page.error(name) == f"Error: {said}"
    assert page.values["name"] == form["name"]
    if "scopes" not in changed:
        assert ("scopes", "PROFILE") in page.form("/account/tokens").fields
    assert school.count(ApiToken, account_id=teacher.actor.account_id) == 0


def test_the_scope_of_archives_says_that_it_sends_too(teacher: Visitor) -> None:
    assert "Import from the archives (PACS) and send to them" in teacher.get("/account").words


def test_a_token_is_revoked(teacher: Visitor) -> None:
    page = Page(teacher.ask("/account/tokens", {"name": "Moodle", "scopes": "PROFILE"}).text)
    page = teacher.follow(teacher.press(page, "/account/tokens/revoke"))
    assert page.said("done") == ["The token is revoked."]
    assert "Revoked" in page.words
    assert "/account/tokens/revoke" not in [form.action for form in page.forms]


def test_a_token_is_confined_to_documents_registered_below(teacher: Visitor) -> None:
    page = Page(
        teacher.ask("/account/tokens", {"name": "Moodle", "scopes": "PROFILE", "confined": "true"}).text
    )
    assert page.faults() == []
    assert "Registered documents only" in page.words
    text = "query Mine {\r\n  viewer { id }\r\n}\r\n"
    page = teacher.follow(teacher.press(page, "/account/documents", text=text))
    assert page.said("done") == ["The document is registered."]
    assert "Mine" in page.words
    assert sha256(text.replace("\r\n", "\n")) in page.words
    assert page.faults() == []
    page = teacher.follow(teacher.press(page, "/account/documents/remove"))
    assert page.said("done") == ["The document is removed."]
    assert "/account/documents/remove" not in [form.action for form in page.forms]


def test_a_document_with_faults_comes_back_with_all_of_them(teacher: Visitor) -> None:
    text = "{ viewer { idd } nothing }"
    page = teacher.post("/account/documents", {"text": text})
    assert page.values["text"] == text
    assert "Cannot query field 'idd'" in page.error("text")
    assert "Cannot query field 'nothing'" in page.words
    assert page.faults() == []


def test_only_ones_own_document_is_removed(meet: Meet, teacher: Visitor) -> None:
    page = teacher.follow(teacher.ask("/account/documents", {"text": "query Mine { viewer { id } }"}))
    mine = dict(page.form("/account/documents/remove").fields)["id"]
    assert meet(Role.TEACHER).ask("/account/documents/remove", {"id": mine}).status_code == 404
    assert "Mine" in teacher.get("/account").words


def asked(page: Page, question: str) -> str:
    """Return what opens with a question that is asked before what cannot be taken back."""
    found = [part for part in page.html.split('<details class="confirm">') if question in part]
    assert found, question
    return found[0].partition("</details>")[0]


def test_revoking_and_disabling_ask_first_and_say_what_goes_with_it(
    meet: Meet, teacher: Visitor, student: Visitor
) -> None:
    teacher.post("/account/tokens", {"name": "Moodle", "scopes": "CASES_READ"}, 200)
    revoking = asked(teacher.get("/account"), "“Moodle” loses its access at once")
    assert "webhooks that any of them made are paused" in revoking
    assert 'action="/account/tokens/revoke"' in revoking
    disabling = asked(meet(Role.ADMIN).get(f"/accounts?search={student.email}"), "is signed out everywhere")
    assert 'action="/accounts/update"' in disabling


def test_only_ones_own_token_is_revoked(meet: Meet, teacher: Visitor, school: School) -> None:
    page = Page(teacher.ask("/account/tokens", {"name": "Moodle", "scopes": "PROFILE"}).text)
    mine = dict(page.form("/account/tokens/revoke").fields)["id"]
    assert meet(Role.TEACHER).ask("/account/tokens/revoke", {"id": mine}).status_code == 404
    assert school.row(ApiToken, mine).revoked_at is None
    assert teacher.ask("/account/tokens/revoke", {"id": "x"}).status_code == 404
    assert teacher.ask("/account/tokens/revoke").status_code == 422


def test_teachers_find_their_students_and_change_nobody(
    teacher: Visitor, student: Visitor, school: School
) -> None:
    page = teacher.get(f"/accounts?search={student.name.replace(' ', '+')}")
    assert student.name in page.words
    assert student.email not in page.words
    assert "/accounts/update" not in [form.action for form in page.forms]
    assert teacher.name not in teacher.get(f"/accounts?search={teacher.name}").words.replace(
        teacher.name, "", 1
    )
    options = [part.split('"')[1] for part in page.html.split("<option value=")[1:]]
    assert options == ["STUDENT"]
    account = global_id("Account", student.actor.account_id)
    refused = teacher.ask("/accounts/update", {"id": account, "disabled": "true"})
    assert refused.status_code == 403
    assert "Your access does not cover this." in Page(refused.text).said("care")
    assert school.row(Account, account).disabled_at is None


def test_an_account_is_made_and_can_sign_in(teacher: Visitor, school: School) -> None:
    email = f"neuve{teacher.actor.account_id}@example.org"
    made = teacher.press(teacher.get("/accounts"), "/accounts", **NEW, email=email)
    page = teacher.follow(made)
    assert page.said("done") == ["Ana Neuve can sign in."]
    assert school.count(Account, email=email) == 1
    assert teacher.app.site.authentication.sign_in(email, NEW["password"], "10.78.0.1")


@pytest.mark.parametrize(
    "changed, name, said",
    [
        ({"displayName": ""}, "displayName", "This field is required."),
        ({"displayName": "d" * 121}, "displayName", "At most 120 characters."),
        ({"email": "not an address"}, "email", "This is not an e-mail address."),
        ({"email": ""}, "email", "This field is required."),
        ({"password": "short"}, "password", "At least 10 characters."),
        ({"role": "BOSS"}, "role", "Choose one of the values offered."),
    ],
)
def test_an_account_that_cannot_be_made_comes_back_as_it_was_typed(
    teacher: Visitor, changed: dict[str, str], name: str, said: str
) -> None:
    form = {**NEW, "email": "ana@example.org"} | changed
    page = teacher.post("/accounts", form)
    assert page.error(name) == f"Error: {said}"
    assert page.values["displayName"] == form["displayName"]
    assert page.values["email"] == form["email"]
    assert page.values["password"] == ""


def test_an_address_is_taken_once(teacher: Visitor, student: Visitor) -> None:
    page = teacher.post("/accounts", {**NEW, "email": student.email})
    assert page.error("email") == "Error: An account with this address exists already."


def test_a_teacher_makes_no_teacher(teacher: Visitor) -> None:
    page = teacher.post("/accounts", {**NEW, "role": "TEACHER", "email": "t@example.org"}, 403)
    assert page.said("care") == ["You may not make an account of this role."]
    assert page.values["displayName"] == "Ana Neuve"


def test_an_administrator_disables_and_enables(meet: Meet, student: Visitor) -> None:
    admin = meet(Role.ADMIN)
    page = admin.get(f"/accounts?search={student.email}")
    assert student.email in page.words
    page = admin.follow(admin.press(page, "/accounts/update", ("disabled", "true")))
    assert page.said("done") == [f"The account of {student.name} is changed."]
    assert student.browser.get("/learn").status_code == 303
    page = admin.get(f"/accounts?search={student.email}")
    assert "Disabled" in page.words
    admin.press(page, "/accounts/update", ("disabled", "false"))
    assert "Disabled" not in admin.get(f"/accounts?search={student.email}").words


def test_a_teacher_resets_nobodys_password(teacher: Visitor, student: Visitor) -> None:
    page = teacher.get(f"/accounts?search={student.email}")
    assert student.name in page.words
    assert "/accounts/reset-password" not in [form.action for form in page.forms]
    account = global_id("Account", student.actor.account_id)
    refused = teacher.post("/accounts/reset-password", {"accountId": account}, 403)
    assert refused.said("care") == ["Your access does not cover this."]
    assert student.browser.get("/learn").status_code == 200


def test_an_administrator_resets_a_password_which_is_shown_this_once(meet: Meet, student: Visitor) -> None:
    admin = meet(Role.ADMIN)
    page = admin.get(f"/accounts?search={student.email}")
    account = global_id("Account", student.actor.account_id)
    answer = admin.press(page, "/accounts/reset-password", ("accountId", account))
    assert answer.status_code == 200
    made = Page(answer.text)
    assert made.faults() == []
    [password] = [part.split("<")[0] for part in answer.text.split('<code class="secret">')[1:]]
    assert f"Temporary password of {student.name} ({student.email}), good for three days" in made.words
    assert student.browser.get("/learn").status_code == 303
    assert student.app.site.authentication.sign_in(student.email, password, "10.79.0.1")
    assert password not in admin.get(f"/accounts?search={student.email}").html


def test_no_administrator_resets_their_own_password_this_way(meet: Meet) -> None:
    admin = meet(Role.ADMIN)
    page = admin.get(f"/accounts?search={admin.email}")
    assert "/accounts/reset-password" not in [form.action for form in page.forms]
    own = global_id("Account", admin.actor.account_id)
    refused = admin.post("/accounts/reset-password", {"accountId": own}, 403)
    assert refused.said("care") == ["This is your own account: change its password on “My account”."]
    assert admin.ask("/accounts/reset-password", {"accountId": "x"}).status_code == 404


def test_no_administrator_shuts_themselves_out(meet: Meet) -> None:
    admin = meet(Role.ADMIN)
    page = admin.get(f"/accounts?search={admin.email}")
    assert "/accounts/update" not in [form.action for form in page.forms]
    own = global_id("Account", admin.actor.account_id)
    refused = admin.post("/accounts/update", {"id": own, "disabled": "true"}, 403)
    assert refused.said("care") == ["Ask another administrator: this is your own account."]


def test_an_administrator_makes_any_role_and_changes_no_stranger(meet: Meet) -> None:
    admin = meet(Role.ADMIN)
    page = admin.get("/accounts")
    for role in Role:
        assert f'<option value="{role.name}"' in page.html
    assert admin.ask("/accounts/update", {"id": "x", "disabled": "true"}).status_code == 404


def test_a_search_that_finds_nobody_is_an_empty_list(meet: Meet) -> None:
    page = meet(Role.ADMIN).get("/accounts?search=%25_nobody")
    assert "0 accounts" in page.words
    assert page.values["search"] == "%_nobody"


def test_the_audit_trail_says_who_changed_what(meet: Meet, teacher: Visitor, school: School) -> None:
    for number in range(PAGE_SIZE):
        school.validated(f"Tracé {number}")
    admin = meet(Role.ADMIN)
    page = admin.get("/audit")
    assert page.headings == ["Audit trail"]
    assert "Case validated case.validated" in page.words
    assert teacher.name in page.words
    [following] = [link for link in page.links if "after=" in link]
    assert admin.get(f"/audit{following}").headings == ["Audit trail"]
    assert admin.get("/audit?after=nonsense", 400).headings == ["This request cannot be read"]


def test_the_audit_trail_tells_on_what_and_what_helps_to_understand_it(meet: Meet, school: School) -> None:
    case = school.validated("Tracé raconté")
    deleted = school.draft("<script>alert(1)</script>")
    school.do(lambda session: school.cases(session).delete(key_of(deleted)))
    html = meet(Role.ADMIN).get("/audit").html
    assert f"<code>{case}</code>" in html
    assert f"<code>{deleted}</code>" in html
    assert "<script>alert" not in html
    added = meet(Role.ADMIN).get("/audit?action=case.annotated").html
    assert "<dt>added</dt><dd>1</dd>" in added


def test_the_audit_trail_is_narrowed_to_one_kind_of_action(meet: Meet, school: School) -> None:
    for number in range(PAGE_SIZE + 1):
        school.validated(f"Scellé {number}")
    page = meet(Role.ADMIN).get("/audit?action=case.validated")
    shown = re.findall(r'<code class="beneath">([^<]+)</code>', page.html)
    assert shown == ["case.validated"] * PAGE_SIZE
    assert page.values["action"] == "case.validated"
    [older] = [link for link in page.links if "after=" in link]
    assert "action=case.validated" in older
    nothing = meet(Role.ADMIN).get("/audit?action=case.forgotten")
    assert "Nothing of this kind has happened." in nothing.words


def test_every_action_the_services_record_has_words_in_both_languages(meet: Meet) -> None:
    sources = (ROOT / "schema" / "services").glob("*.py")
    kinds = "account|attempts?|case|contest|disagreement|document|enrolment|feedback|ontology|participants"
    kinds += "|alert|alert_rule|held_page|model|pacs|prediction|recordings?|report|rulings|run|segmentation"
    kinds += "|session|token|webhook"
    written = re.compile(rf'"((?:{kinds})\.[a-z_]+)"')
    recorded = {code for path in sources for code in written.findall(path.read_text(encoding="utf-8"))}
    recorded |= {f"model.{cause}" for cause in ("promoted", "rolled_back", "adopted")}
    options = re.compile(r'<option value="([^"]+)"[^>]*>([^<]+)</option>')
    said: list[dict[str, str]] = []
    for language in ("en", "fr"):
        html = meet(Role.ADMIN, language).get("/audit").html
        said.append({code: word for code, word in options.findall(html) if "." in code})
    for words in said:
        assert set(words) == recorded
        assert len(set(words.values())) == len(recorded)
        assert not set(words) & set(words.values())
    assert all(said[0][code] != said[1][code] for code in recorded)


def test_every_scope_has_words_in_both_languages(meet: Meet) -> None:
    assert set(Scope) == ROLE_SCOPES[Role.ADMIN]
    english, french = meet(Role.ADMIN).get("/account"), meet(Role.ADMIN, "fr").get("/account")
    assert "Make student accounts" in english.words
    assert "Make student accounts" not in french.words
