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
    "missing_scope": N_("Your access does not cover this."),
}
"""Features add their own rows; a test checks that each code used has one and that French has it too."""


def text_of(problem: FieldProblem) -> tuple[str, dict[str, str]]:
    """Return the English sentence of a problem and the values to put in it."""
    return MESSAGES[problem.code], dict(problem.values)
