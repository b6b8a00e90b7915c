from typing import Any

import pytest

from schema.policy import Actor, Role, Scope
from schema.services.accounts import Accounts
from schema.services.authentication import Authentication
from schema.types.base import global_id, split_id
from tests.schema.conftest import World
from tests.schema.people import PASSWORD, PASSWORDS

VIEWER = "{ viewer { id displayName email role language theme createdAt disabledAt } }"
CREATE = """mutation($input: CreateAccountInput!) { createAccount(input: $input) {
  __typename
  ... on Account { id displayName email role language theme disabledAt }
  ... on NotAllowed { code message }
  ... on ValidationErrors { fields { path code message } }
} }"""
UPDATE = """mutation($input: UpdateAccountInput!) { updateAccount(input: $input) {
  __typename ... on Account { displayName role disabledAt } ... on NotAllowed { code } } }"""
PREFERENCES = """mutation($input: SetPreferencesInput!) { setPreferences(input: $input) {
  __typename ... on Account { language theme } } }"""
CHANGE = """mutation($input: ChangePasswordInput!) { changePassword(input: $input) {
  __typename ... on Account { id } ... on NotAllowed { code }
  ... on ValidationErrors { fields { path code message } } } }"""

CHANGE_EMAIL = """mutation($input: ChangeEmailInput!) { changeEmail(input: $input) {
  __typename ... on Account { id email } ... on NotAllowed { code }
  ... on ValidationErrors { fields { path code message } } } }"""
RESET = """mutation($input: ResetPasswordInput!) { resetPassword(input: $input) {
  __typename ... on TemporaryPassword { password account { id email } }
  ... on NotAllowed { code message } } }"""


@pytest.fixture(autouse=True)
def cheap(world: World) -> None:
    world.services.passwords = PASSWORDS


def with_password(world: World, role: Role = Role.TEACHER) -> Actor:
    admin = world.person(Role.ADMIN)
    email = f"{role.value}@example.org"
    made = world.ask(
        CREATE,
        admin,
        input={"displayName": "Anne", "role": role.name, "email": email, "password": PASSWORD},
    )
    return Actor(split_id(made["id"])[1], role)


def test_nobody_is_the_viewer_without_signing_in(world: World) -> None:
    assert world.ask(VIEWER, None) is None


def test_the_viewer_sees_their_own_account(world: World) -> None:
    teacher = world.person(Role.TEACHER)
    assert world.ask(VIEWER, teacher) == {
        "id": global_id("Account", teacher.account_id),
        "displayName": teacher.display_name,
        "email": "teacher1@example.org",
        "role": "TEACHER",
        "language": "EN",
        "theme": "AUTO",
        "createdAt": "2026-03-02T09:00:00+00:00",
        "disabledAt": None,
    }


def test_the_viewer_learns_how_far_a_token_of_theirs_may_go(world: World) -> None:
    text = "{ viewer { scopes } }"
    clinician = world.person(Role.CLINICIAN)
    narrow = Actor(clinician.account_id, Role.CLINICIAN, scopes=frozenset({Scope.PROFILE}), token_id=1)
    own = ["CONCEPTS_READ", "PROFILE", "SCHEMA_READ", "PREDICTIONS_READ", "FEEDBACK_WRITE", "TRIAGE"]
    own += ["SEGMENTATION"]
    assert world.ask(text, clinician) == {"scopes": own}
    assert world.ask(text, narrow) == {"scopes": ["PROFILE"]}
    others = world.ask("{ accounts { edges { node { role scopes } } } }", world.person(Role.ADMIN))
    assert {"node": {"role": "CLINICIAN", "scopes": []}} in others["edges"]


def test_a_token_without_the_profile_scope_learns_neither_address_nor_tokens(world: World) -> None:
    teacher = world.person(Role.TEACHER)
    narrow = Actor(teacher.account_id, Role.TEACHER, scopes=frozenset({Scope.CASES_READ}), token_id=1)
    world.ask(CREATE_TOKEN, teacher, input={"name": "Moodle", "scopes": ["CASES_READ"]})
    seen = world.ask("{ viewer { displayName email tokens { name } } }", narrow)
    assert seen == {"displayName": teacher.display_name, "email": None, "tokens": []}


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.ADMIN, Role.TEACHER}))
def test_only_administrators_and_teachers_list_accounts(world: World, role: Role) -> None:
    text = "{ accounts { totalCount } }"
    assert world.codes(text, None) == ["UNAUTHENTICATED"]
    assert world.codes(text, world.person(role)) == ["FORBIDDEN"]


def test_a_teacher_finds_students_but_not_those_of_another_outside_system(world: World) -> None:
    mine, other = world.person(Role.TEACHER), world.person(Role.TEACHER)
    world.person(Role.STUDENT)
    with world.database.write() as session:
        for owner in (mine, other):
            accounts = Accounts(session, world.clock, owner)
            name = f"Participant of {owner.account_id}"
            accounts.create(name, Role.STUDENT, managed_by=owner.account_id, external_id="17")
    page = world.ask("{ accounts { totalCount edges { node { displayName email } } } }", mine)
    assert page["totalCount"] == 2
    assert [edge["node"] for edge in page["edges"]] == [
        {"displayName": f"Participant of {mine.account_id}", "email": None},
        {"displayName": "Student 3", "email": None},
    ]
    narrowed = world.ask("{ accounts(filter: {role: ADMIN}) { totalCount } }", mine)
    assert narrowed["totalCount"] == 0


def test_an_administrators_narrow_token_makes_no_administrator(world: World) -> None:
    admin = world.person(Role.ADMIN)
    narrow = Actor(admin.account_id, Role.ADMIN, scopes=frozenset({Scope.STUDENTS}), token_id=1)
    assert (
        world.ask(CREATE, narrow, input={"displayName": "x", "role": "ADMIN"})["__typename"] == "NotAllowed"
    )
    assert world.ask(CREATE, narrow, input={"displayName": "x", "role": "STUDENT"})["__typename"] == "Account"
    assert world.ask("{ accounts { edges { node { role } } } }", narrow) == {
        "edges": [{"node": {"role": "STUDENT"}}]
    }


def test_an_administrator_pages_and_narrows_the_accounts(world: World) -> None:
    admin = world.person(Role.ADMIN)
    for role in (Role.STUDENT, Role.STUDENT, Role.TEACHER):
        world.person(role)
    text = """query($after: String) { accounts(filter: {role: STUDENT}, first: 1, after: $after) {
      totalCount pageInfo { hasNextPage endCursor } edges { node { displayName email } } } }"""
    first = world.ask(text, admin)
    second = world.ask(text, admin, after=first["pageInfo"]["endCursor"])
    assert (first["totalCount"], first["pageInfo"]["hasNextPage"]) == (2, True)
    assert [edge["node"] for page in (first, second) for edge in page["edges"]] == [
        {"displayName": "Student 2", "email": "student2@example.org"},
        {"displayName": "Student 3", "email": "student3@example.org"},
    ]


def test_a_teacher_prepares_a_class(world: World) -> None:
    teacher = world.person(Role.TEACHER)
    given = {"displayName": "Zoé", "role": "STUDENT", "email": "Zoe@example.org", "password": PASSWORD}
    made = world.ask(CREATE, teacher, input=given | {"language": "EN"})
    assert made["__typename"] == "Account"
    assert (made["displayName"], made["role"], made["language"]) == ("Zoé", "STUDENT", "EN")
    assert made["email"] is None  # not the teacher's own
    signing_in = Authentication(world.database, world.clock, PASSWORDS)
    assert signing_in.sign_in("zoe@example.org", PASSWORD, "203.0.113.7")


def test_a_teacher_makes_no_other_account(world: World) -> None:
    made = world.ask(CREATE, world.person(Role.TEACHER), input={"displayName": "Zoé", "role": "ADMIN"})
    assert (made["__typename"], made["code"]) == ("NotAllowed", "role_not_yours_to_give")


def test_every_faulty_field_of_an_account_is_named_at_once(world: World) -> None:
    given = {"displayName": "", "role": "STUDENT", "email": "zoe", "password": "short"}
    made = world.ask(CREATE, world.person(Role.ADMIN), input=given)
    assert made["fields"] == [
        {"path": ["displayName"], "code": "required", "message": "This field is required."},
        {"path": ["email"], "code": "invalid_email", "message": "This is not an e-mail address."},
        {"path": ["password"], "code": "too_short", "message": "At least 10 characters."},
    ]


def test_an_administrator_changes_and_shuts_an_account(world: World) -> None:
    admin, teacher = world.person(Role.ADMIN), world.person(Role.TEACHER)
    identifier = global_id("Account", teacher.account_id)
    changed = world.ask(UPDATE, admin, input={"id": identifier, "displayName": "Anne", "role": "EXPERT"})
    assert (changed["displayName"], changed["role"], changed["disabledAt"]) == ("Anne", "EXPERT", None)
    shut = world.ask(UPDATE, admin, input={"id": identifier, "disabled": True})
    assert (shut["displayName"], shut["disabledAt"]) == ("Anne", "2026-03-02T09:00:00+00:00")


@pytest.mark.parametrize("forged", ["", "x", "QWNjb3VudDo5OQ==", global_id("Case", 1), "é"])
def test_a_forged_id_is_not_found(world: World, forged: str) -> None:
    changed = world.ask(UPDATE, world.person(Role.ADMIN), input={"id": forged, "displayName": "x"})
    assert changed["__typename"] == "NotFound"


def test_an_administrator_cannot_shut_themselves_out(world: World) -> None:
    admin = world.person(Role.ADMIN)
    changed = world.ask(UPDATE, admin, input={"id": global_id("Account", admin.account_id), "disabled": True})
    assert changed == {"__typename": "NotAllowed", "code": "not_your_own_account"}


def test_preferences_are_kept_one_by_one(world: World) -> None:
    student = world.person(Role.STUDENT)
    world.ask(PREFERENCES, student, input={"theme": "DARK"})
    chosen = world.ask(PREFERENCES, student, input={"language": "FR"})
    assert chosen == {"__typename": "Account", "language": "FR", "theme": "DARK"}


def test_a_password_is_changed_by_who_knows_it(world: World) -> None:
    student = with_password(world, Role.STUDENT)

    def change(current: str, new: str) -> Any:
        return world.ask(CHANGE, student, input={"currentPassword": current, "newPassword": new})

    assert change("not the password", "un autre mot de passe")["fields"] == [
        {
            "path": ["currentPassword"],
            "code": "wrong_password",
            "message": "This is not your current password.",
        }
    ]
    assert change(PASSWORD, "court")["fields"][0]["path"] == ["newPassword"]
    assert change(PASSWORD, "un autre mot de passe")["__typename"] == "Account"
    for _ in range(5):
        change(PASSWORD, "un autre mot de passe")
    assert change("un autre mot de passe", PASSWORD)["fields"] == [
        {
            "path": ["currentPassword"],
            "code": "too_many_attempts",
            "message": "Too many attempts. Try again in 1 s.",
        }
    ]


def test_an_account_without_password_has_none_to_change(world: World) -> None:
    given = {"currentPassword": "", "newPassword": PASSWORD}
    refused = world.ask(CHANGE, world.person(Role.STUDENT), input=given)
    assert refused == {"__typename": "NotAllowed", "code": "no_password"}


def test_an_address_is_changed_by_who_knows_the_password(world: World) -> None:
    student, other = with_password(world, Role.STUDENT), world.person(Role.STUDENT)

    def change(current: str, email: str) -> Any:
        return world.ask(CHANGE_EMAIL, student, input={"currentPassword": current, "email": email})

    assert change("not the password", "zoe@example.org")["fields"][0]["path"] == ["currentPassword"]
    taken = world.ask("{ viewer { email } }", other)["email"]
    assert change(PASSWORD, taken)["fields"] == [
        {
            "path": ["email"],
            "code": "email_taken",
            "message": "An account with this address exists already.",
        }
    ]
    identifier = global_id("Account", student.account_id)
    assert change(PASSWORD, "Zoe@example.org") == {
        "__typename": "Account",
        "id": identifier,
        "email": "zoe@example.org",
    }
    unsigned = world.ask(CHANGE_EMAIL, other, input={"currentPassword": "", "email": "x@example.org"})
    assert unsigned == {"__typename": "NotAllowed", "code": "no_password"}


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.ADMIN}))
def test_nobody_but_an_administrator_resets_a_password(world: World, role: Role) -> None:
    student = with_password(world, Role.STUDENT)
    given = {"accountId": global_id("Account", student.account_id)}
    refused = world.ask(RESET, world.person(role), input=given)
    assert (refused["__typename"], refused["code"]) == ("NotAllowed", "missing_scope")
    assert Authentication(world.database, world.clock, PASSWORDS).sign_in(
        "student@example.org", PASSWORD, "203.0.113.7"
    )


def test_an_administrator_resets_a_lost_password_and_no_stranger_s_nor_their_own(world: World) -> None:
    teacher, admin = with_password(world), world.person(Role.ADMIN)
    identifier = global_id("Account", teacher.account_id)
    made = world.ask(RESET, admin, input={"accountId": identifier})
    assert made["account"] == {"id": identifier, "email": "teacher@example.org"}
    signing_in = Authentication(world.database, world.clock, PASSWORDS)
    assert signing_in.sign_in("teacher@example.org", made["password"], "203.0.113.7")
    own = world.ask(RESET, admin, input={"accountId": global_id("Account", admin.account_id)})
    assert own == {
        "__typename": "NotAllowed",
        "code": "own_password",
        "message": "This is your own account: change its password on “My account”.",
    }
    for forged in ("x", global_id("Case", 1), global_id("Account", 999)):
        assert world.ask(RESET, admin, input={"accountId": forged})["__typename"] == "NotFound"


def test_anonymous_mutations_are_refused(world: World) -> None:
    given = {"displayName": "x", "role": "ADMIN"}
    assert world.codes(CREATE, None, input=given) == ["UNAUTHENTICATED"]
    assert world.codes(UPDATE, None, input={"id": "x"}) == ["UNAUTHENTICATED"]
    assert world.codes(PREFERENCES, None, input={}) == ["UNAUTHENTICATED"]
    assert world.codes(RESET, None, input={"accountId": "x"}) == ["UNAUTHENTICATED"]
    unknown = {"currentPassword": "", "email": "x@example.org"}
    assert world.codes(CHANGE_EMAIL, None, input=unknown) == ["UNAUTHENTICATED"]


# API tokens

CREATE_TOKEN = """mutation($input: CreateTokenInput!) { createToken(input: $input) {
  __typename
  ... on CreatedToken { secret token { id name scopes expiresAt lastUsedAt revokedAt } }
  ... on ValidationErrors { fields { path code message } } } }"""
REVOKE_TOKEN = """mutation($input: RevokeTokenInput!) { revokeToken(input: $input) {
  __typename ... on ApiToken { name revokedAt } } }"""


def test_a_token_is_made_seen_used_and_ended(world: World) -> None:
    teacher = world.person(Role.TEACHER)
    given = {"name": "Moodle", "scopes": ["CASES_READ"], "expiresAt": "2026-03-03T10:00:00+01:00"}
    made = world.ask(CREATE_TOKEN, teacher, input=given)
    token = {"name": "Moodle", "scopes": ["CASES_READ"], "expiresAt": "2026-03-03T09:00:00+00:00"}
    assert made["token"] | token == made["token"]
    authentication = Authentication(world.database, world.clock, PASSWORDS)
    actor = authentication.by_api_token(made["secret"])
    assert actor is not None
    assert world.codes("{ cases { totalCount } }", actor) == []
    assert world.codes("{ statistics { caseCount } }", actor) == ["FORBIDDEN"]
    shown = world.ask("{ viewer { tokens { name lastUsedAt } } }", teacher)
    assert shown == {"tokens": [{"name": "Moodle", "lastUsedAt": "2026-03-02T09:00:00+00:00"}]}
    ended = world.ask(REVOKE_TOKEN, teacher, input={"id": made["token"]["id"]})
    assert ended == {"__typename": "ApiToken", "name": "Moodle", "revokedAt": "2026-03-02T09:00:00+00:00"}
    assert authentication.by_api_token(made["secret"]) is None


def test_what_a_token_made_ends_when_it_is_revoked(world: World) -> None:
    teacher = world.person(Role.TEACHER)
    authentication = Authentication(world.database, world.clock, PASSWORDS)
    made = world.ask(CREATE_TOKEN, teacher, input={"name": "Moodle", "scopes": ["PROFILE"]})
    moodle = authentication.by_api_token(made["secret"])
    second = world.ask(CREATE_TOKEN, moodle, input={"name": "Through Moodle", "scopes": ["PROFILE"]})
    assert authentication.by_api_token(second["secret"]) is not None
    world.ask(REVOKE_TOKEN, teacher, input={"id": made["token"]["id"]})
    assert authentication.by_api_token(second["secret"]) is None
    assert world.codes(CREATE_TOKEN, moodle, input={"name": "x", "scopes": ["PROFILE"]}) == [
        "UNAUTHENTICATED"
    ]


def test_someone_elses_token_is_not_found(world: World) -> None:
    made = world.ask(CREATE_TOKEN, world.person(), input={"name": "Moodle", "scopes": ["PROFILE"]})
    refused = world.ask(REVOKE_TOKEN, world.person(), input={"id": made["token"]["id"]})
    assert refused == {"__typename": "NotFound"}


def test_a_students_token_cannot_write_cases(world: World) -> None:
    made = world.ask(CREATE_TOKEN, world.person(Role.STUDENT), input={"name": "x", "scopes": ["CASES_WRITE"]})
    assert made["fields"] == [
        {
            "path": ["scopes"],
            "code": "scope_beyond_role",
            "message": "This goes beyond your own access: cases:write.",
        }
    ]


@pytest.mark.parametrize("moment", ["2026-03-03T10:00:00", "tomorrow", "0001-01-01T00:00:00+14:00", 5])
def test_a_time_without_offset_is_nobodys_time(world: World, moment: object) -> None:
    given = {"name": "Moodle", "scopes": ["PROFILE"], "expiresAt": moment}
    errors = world.run(CREATE_TOKEN, world.person(), {"input": given}).errors
    assert errors is not None
    assert "ISO 8601 with its offset" in errors[0].message


def test_an_administrator_sees_everyones_tokens_in_a_constant_number_of_loads(world: World) -> None:
    admin = world.person(Role.ADMIN)
    for name in ("A", "B"):
        world.ask(CREATE_TOKEN, world.person(), input={"name": name, "scopes": ["PROFILE"]})
    page = world.ask("{ accounts { edges { node { tokens { name } } } } }", admin)
    assert [edge["node"]["tokens"] for edge in page["edges"]] == [[], [{"name": "A"}], [{"name": "B"}]]
