"""Pure rules: may this actor do this to that."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What an account is for."""

    ADMIN = "admin"
    TEACHER = "teacher"
    EXPERT = "expert"
    STUDENT = "student"
    ANALYST = "analyst"
    CLINICIAN = "clinician"


class Scope(StrEnum):
    """What a token may touch."""

    CASES_READ = "cases:read"
    CASES_WRITE = "cases:write"
    SESSIONS_READ = "sessions:read"
    SESSIONS_WRITE = "sessions:write"
    ATTEMPTS_READ = "attempts:read"
    ATTEMPTS_WRITE = "attempts:write"
    CONCEPTS_READ = "concepts:read"
    CONCEPTS_WRITE = "concepts:write"
    STATISTICS_READ = "statistics:read"
    PROFILE = "profile"
    ACCOUNTS = "accounts"
    STUDENTS = "students"
    AUDIT_READ = "audit:read"
    DISAGREEMENTS = "disagreements"
    WEBHOOKS = "webhooks"
    SCHEMA_READ = "schema:read"
    PREDICTIONS_READ = "predictions:read"
    PREDICTIONS_WRITE = "predictions:write"
    FEEDBACK_WRITE = "feedback:write"
    MODELS_READ = "models:read"
    MODELS_WRITE = "models:write"
    TRIAGE = "triage"
    PACS = "pacs"
    SEGMENTATION = "segmentation"
    TECHNICAL_FILE = "technical-file"
    ALERTS = "alerts"


AUTHORS = frozenset({Role.ADMIN, Role.TEACHER, Role.EXPERT})
ANYONES = frozenset({Scope.CONCEPTS_READ, Scope.PROFILE, Scope.SCHEMA_READ})

ROLE_SCOPES: dict[Role, frozenset[Scope]] = {
    Role.ADMIN: frozenset(Scope),
    Role.TEACHER: frozenset(Scope)
    - {
        Scope.ACCOUNTS,
        Scope.AUDIT_READ,
        Scope.CONCEPTS_WRITE,
        Scope.DISAGREEMENTS,
        Scope.MODELS_WRITE,
        Scope.TECHNICAL_FILE,
        Scope.ALERTS,
    },
    Role.EXPERT: frozenset(Scope)
    - {
        Scope.ACCOUNTS,
        Scope.STUDENTS,
        Scope.AUDIT_READ,
        Scope.MODELS_WRITE,
        Scope.PACS,
        Scope.TECHNICAL_FILE,
        Scope.ALERTS,
    },
    Role.STUDENT: frozenset(
        {
            Scope.ATTEMPTS_READ,
            Scope.ATTEMPTS_WRITE,
            Scope.PREDICTIONS_READ,
            Scope.FEEDBACK_WRITE,
            *ANYONES,
        }
    ),
    Role.ANALYST: frozenset(
        {
            Scope.STATISTICS_READ,
            Scope.MODELS_READ,
            Scope.TECHNICAL_FILE,
            Scope.ALERTS,
            Scope.PREDICTIONS_READ,
            Scope.FEEDBACK_WRITE,
            *ANYONES,
        }
    ),
    Role.CLINICIAN: frozenset(
        {
            Scope.TRIAGE,
            Scope.SEGMENTATION,
            Scope.PREDICTIONS_READ,
            Scope.FEEDBACK_WRITE,
            *ANYONES,
        }
    ),
}
"""The most each role may do; a token's scopes only narrow it."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is asking.

    Parameters
    ----------
    scopes
        None for a browser session (all that the role allows), else what the token was given.
    session_token_hash
        The browser session's hash, None for a token.
    confined
        Whether a token may send only documents its account has registered.
    temporary
        Whether a browser session was opened with a temporary password: all its holder may do is to change it.
    """

    account_id: int
    role: Role
    display_name: str = ""
    language: str = "fr"
    scopes: frozenset[str] | None = None
    token_id: int | None = None
    session_token_hash: str | None = None
    confined: bool = False
    temporary: bool = False

    def may(self, scope: Scope) -> bool:
        """Return whether role and token both allow the scope; nothing does before a password is changed."""
        if self.temporary:
            return False
        return scope in ROLE_SCOPES[self.role] and (self.scopes is None or scope in self.scopes)

    @property
    def is_admin(self) -> bool:
        """Return whether the actor administers the platform."""
        return self.role is Role.ADMIN

    @property
    def reads_schema(self) -> bool:
        """Return whether the schema speaks of itself to the actor in production: a token given the scope."""
        return self.token_id is not None and self.may(Scope.SCHEMA_READ)

    @property
    def edits_ontology(self) -> bool:
        """Return whether the actor may edit the ontology."""
        return self.may(Scope.CONCEPTS_WRITE)

    @property
    def is_author(self) -> bool:
        """Return whether the actor writes cases and sessions."""
        return self.role in AUTHORS


def may_create_account(actor: Actor, role: Role, managed_by: int | None = None) -> bool:
    """Return whether the actor may make an account of this role.

    Administrators make any; teachers prepare their class; any author's outside system enrols participants it
    manages itself, who cannot sign in.
    """
    if actor.may(Scope.ACCOUNTS):
        return True
    own_participant = actor.is_author and managed_by == actor.account_id
    return role is Role.STUDENT and (actor.may(Scope.STUDENTS) or own_participant)


def may_list_account(actor: Actor, role: Role, managed_by: int | None) -> bool:
    """Return whether the actor finds an account in the list: administrators all, teachers their students.

    Participants an outside system enrolled are that system's alone.
    """
    if actor.may(Scope.ACCOUNTS):
        return True
    return actor.may(Scope.STUDENTS) and role is Role.STUDENT and managed_by in {None, actor.account_id}


def may_know_external_id(actor: Actor, managed_by: int | None) -> bool:
    """Return whether an outside system's name of a participant is told: to that system, to administrators."""
    return actor.may(Scope.ACCOUNTS) or managed_by == actor.account_id


def may_see_case(actor: Actor, owner_id: int, status: str) -> bool:
    """Return whether the actor may open a case: their own, or any validated one of a colleague."""
    if not actor.is_author:
        return False
    return actor.is_admin or actor.account_id == owner_id or status == "validated"


def may_change_case(actor: Actor, owner_id: int) -> bool:
    """Return whether the actor may change a case: its owner, or an administrator."""
    return actor.is_author and (actor.is_admin or actor.account_id == owner_id)


def may_manage_visit(actor: Actor, asked_by: int) -> bool:
    """Return whether a prediction of a visit is the actor's to manage: whoever asked, or an administrator."""
    return actor.is_admin or actor.account_id == asked_by


def may_manage_session(actor: Actor, owner_id: int) -> bool:
    """Return whether the actor may open a training session, its attempts and its key."""
    return actor.is_author and (actor.is_admin or actor.account_id == owner_id)


def may_act_for(actor: Actor, student_id: int, managed_by: int | None) -> bool:
    """Return whether the actor may take an attempt as this student.

    The student themself, or the outside system (a token) that enrolled an external participant it manages.
    """
    if actor.account_id == student_id:
        return True
    return actor.token_id is not None and managed_by is not None and managed_by == actor.account_id
