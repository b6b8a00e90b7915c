"""What each stable error code says to people. Server code translates these English sentences."""

from schema.errors import FieldProblem


def N_(message: str) -> str:  # noqa: N802 - gettext's customary mark for later translation
    """Mark a sentence for the catalogue."""
    return message


MESSAGES: dict[str, str] = {
    "required": N_("This field is required."),
    "too_long": N_("At most {maximum} characters."),
    "out_of_range": N_("Choose a value between {minimum} and {maximum}."),
    "first_or_last": N_("Ask for the first or the last ones, not both."),
    "bad_cursor": N_("This page marker is not valid any more. Start again from the first page."),
    "bad_id": N_("This identifier is not valid."),
    "stale_revision": N_("Someone changed this meanwhile. Reload, then make your change again."),
    "not_allowed": N_("You may see this but not change it."),
    "not_found": N_("This does not exist, or not any more."),
    "sign_in_first": N_("Sign in first."),
    "too_short": N_("At least {minimum} characters."),
    "unprintable": N_("Some characters cannot be shown. Remove them."),
    "invalid_email": N_("This is not an e-mail address."),
    "email_taken": N_("An account with this address exists already."),
    "external_id_taken": N_("This participant is enrolled already."),
    "unknown_choice": N_("This is not one of the choices."),
    "wrong_password": N_("This is not your current password."),
    "too_many_attempts": N_("Too many attempts. Try again in {seconds} s."),
    "no_password": N_("This account does not sign in with a password."),
    "role_not_yours_to_give": N_("You may not make an account of this role."),
    "not_your_own_account": N_("Ask another administrator: this is your own account."),
    "in_the_past": N_("Choose a time that is still to come."),
    "scope_beyond_role": N_("This goes beyond your own access: {scopes}."),
    "too_many_tokens": N_("At most {maximum} tokens at a time. Revoke one first."),
    "missing_scope": N_("Your access does not cover this."),
}
"""Features add their own rows; a test checks that each code used has one and that French has it too."""


def text_of(problem: FieldProblem) -> tuple[str, dict[str, str]]:
    """Return the English sentence of a problem and the values to put in it."""
    return MESSAGES[problem.code], dict(problem.values)
