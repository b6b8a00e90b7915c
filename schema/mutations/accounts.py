"""Making and changing accounts."""

from typing import Annotated

import strawberry
from anyio import to_thread

from schema.context import Info
from schema.permissions import Refusal, mutation_field
from schema.policy import Role, Scope
from schema.services.accounts import Accounts
from schema.services.authentication import Authentication
from schema.types.accounts import Account, Theme
from schema.types.base import local_key
from schema.types.languages import Language


@strawberry.input(description="An account to make.")
class CreateAccountInput:
    """Who it is for."""

    display_name: str = strawberry.field(description="The name others see, at most 120 characters.")
    role: Role = strawberry.field(description="What it is for; teachers make students only.")
    email: str | None = strawberry.field(
        default=None, description="Address to sign in with; required with a password."
    )
    password: str | None = strawberry.field(
        default=None, description="10 to 200 characters; without one the account cannot sign in."
    )
    language: Language = strawberry.field(default=Language.FR, description="What language pages are in.")


@strawberry.input(description="Changes to an account; what is left out stays.")
class UpdateAccountInput:
    """What to change."""

    id: strawberry.ID = strawberry.field(description="The account.")
    display_name: str | None = strawberry.field(default=None, description="At most 120 characters.")
    role: Role | None = strawberry.field(default=None, description="What it is for.")
    disabled: bool | None = strawberry.field(
        default=None, description="True shuts it: its browser sessions and tokens end at once."
    )


@strawberry.input(description="The viewer's password, old and new.")
class ChangePasswordInput:
    """Both passwords."""

    current_password: str = strawberry.field(description="The one in use.")
    new_password: str = strawberry.field(description="10 to 200 characters.")


@strawberry.input(description="The viewer's new address.")
class ChangeEmailInput:
    """An address, and the password that shows who asks."""

    email: str = strawberry.field(description="Address to sign in with from now on.")
    current_password: str = strawberry.field(description="The password in use.")


@strawberry.input(description="An account whose password was lost.")
class ResetPasswordInput:
    """An account."""

    account_id: strawberry.ID = strawberry.field(description="The account; not the viewer's own.")


@strawberry.type(
    description="A new password, to be told to its account's holder, "
    "who has three days to sign in and change it."
)
class TemporaryPassword:
    """The account and its password."""

    account: Account = strawberry.field(description="The account.")
    password: str = strawberry.field(description="Shown this once; kept nowhere.")


@strawberry.input(description="The viewer's choices; what is left out stays.")
class SetPreferencesInput:
    """Language and appearance."""

    language: Language | None = strawberry.field(default=None, description="What language pages are in.")
    theme: Theme | None = strawberry.field(default=None, description="How pages look.")


CreateAccountResult = Annotated[
    Account | Refusal,
    strawberry.union("CreateAccountResult", description="The new account, or why there is none."),
]
UpdateAccountResult = Annotated[
    Account | Refusal,
    strawberry.union("UpdateAccountResult", description="The changed account, or why it was left."),
]
ChangePasswordResult = Annotated[
    Account | Refusal,
    strawberry.union("ChangePasswordResult", description="The viewer's account, or why nothing changed."),
]
ChangeEmailResult = Annotated[
    Account | Refusal,
    strawberry.union("ChangeEmailResult", description="The viewer's account, or why nothing changed."),
]
ResetPasswordResult = Annotated[
    TemporaryPassword | Refusal,
    strawberry.union("ResetPasswordResult", description="The new password, or why the old one stays."),
]
SetPreferencesResult = Annotated[
    Account | Refusal,
    strawberry.union("SetPreferencesResult", description="The viewer's account, or why nothing changed."),
]


@strawberry.type
class AccountMutations:
    """Mutations of accounts."""

    @mutation_field(Scope.STUDENTS, "Make an account.")
    async def create_account(self, info: Info, input: CreateAccountInput) -> CreateAccountResult:  # noqa: A002
        """Hash the password first, then write."""
        context, clock = info.context, info.context.services.clock
        new = context.services.passwords.new
        password = None if input.password is None else await to_thread.run_sync(new, input.password)
        return Account.of(
            await context.write(
                lambda session: Accounts(session, clock, context.viewer).create(
                    input.display_name, input.role, input.email, password, language=input.language.value
                )
            )
        )

    @mutation_field(Scope.ACCOUNTS, "Change an account, or shut it.")
    async def update_account(self, info: Info, input: UpdateAccountInput) -> UpdateAccountResult:  # noqa: A002
        """Change what is given."""
        key, context, clock = local_key(input.id, "Account"), info.context, info.context.services.clock
        return Account.of(
            await context.write(
                lambda session: Accounts(session, clock, context.viewer).update(
                    key, display_name=input.display_name, role=input.role, disabled=input.disabled
                )
            )
        )

    @mutation_field(
        Scope.PROFILE, "Replace the viewer's password; their other browser sessions end.", temporary_too=True
    )
    async def change_password(self, info: Info, input: ChangePasswordInput) -> ChangePasswordResult:  # noqa: A002
        """Check the old one, slowly, outside any transaction."""
        change, viewer = _authentication(info).change_password, info.context.viewer
        passwords = (input.current_password, input.new_password)
        return Account.of(await to_thread.run_sync(change, viewer, *passwords))

    @mutation_field(Scope.PROFILE, "Replace the address the viewer signs in with.")
    async def change_email(self, info: Info, input: ChangeEmailInput) -> ChangeEmailResult:  # noqa: A002
        """Check the password, slowly, outside any transaction."""
        change, viewer = _authentication(info).change_email, info.context.viewer
        given = (input.current_password, input.email)
        return Account.of(await to_thread.run_sync(change, viewer, *given))

    @mutation_field(
        Scope.ACCOUNTS, "Give an account a random password in place of a lost one; its browser sessions end."
    )
    async def reset_password(self, info: Info, input: ResetPasswordInput) -> ResetPasswordResult:  # noqa: A002
        """Hash the password first, then write."""
        reset, viewer = _authentication(info).reset_password, info.context.viewer
        made = await to_thread.run_sync(reset, viewer, local_key(input.account_id, "Account"))
        return TemporaryPassword(account=Account.of(made.account), password=made.password)

    @mutation_field(Scope.PROFILE, "Choose the viewer's language and appearance.")
    async def set_preferences(self, info: Info, input: SetPreferencesInput) -> SetPreferencesResult:  # noqa: A002
        """Keep the choices."""
        context, clock = info.context, info.context.services.clock
        return Account.of(
            await context.write(
                lambda session: Accounts(session, clock, context.viewer).set_preferences(
                    context.viewer.account_id,
                    input.language and input.language.value,
                    input.theme and input.theme.value,
                )
            )
        )


def _authentication(info: Info) -> Authentication:
    services = info.context.services
    return Authentication(services.database, services.clock, services.passwords)
