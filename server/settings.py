"""Every setting in one place: read once, checked at start with every bad value named."""

import re
from email.utils import parseaddr
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from ml.keyfile import make_key
from ml.registry.home import NAME, SEGMENTATION, TRIAGE
from server.archives import read_archives

MIN_SECRET_LENGTH = 32
KEY_FILE = "secret_key"
HERE = frozenset({"localhost", "127.0.0.1", "::1"})
SENDER = re.compile(r"[!-?A-~]+@[!-?A-~]+\.[!-?A-~]+")
"""An address in ASCII, as every mail server takes it."""


class StartError(Exception):
    """A command cannot begin, for a reason that whoever typed it can mend; its words say which."""


class SettingsError(StartError):
    """The settings cannot be used; `problems` names every bad one, never a secret value."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(["The settings cannot be used:", *(f"  {line}" for line in problems)]))
        self.problems = problems


class Settings(BaseSettings):
    """What the environment, or a `.env` file beside the program, decides.

    The order of the fields matters: a rule of production reads `env`, which is therefore checked first.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, populate_by_name=True, hide_input_in_errors=True
    )

    env: Literal["development", "production"] = Field(
        "development",
        validation_alias="CHEVET_ENV",
        description="production is strict: a secret key, an https address and secure cookies are required",
    )
    data_dir: Path = Field(
        Path("var"),
        validation_alias="CHEVET_DATA_DIR",
        description="folder of everything kept on disk: database, blobs, cache, local model store",
    )
    database_url: str = Field(
        "",
        validation_alias="DATABASE_URL",
        validate_default=True,
        repr=False,
        description="sqlite:///path or postgresql+psycopg://user:password@host/name; "
        "a SQLite file in the data folder when absent",
    )
    secret_key: SecretStr | None = Field(
        None,
        validation_alias="CHEVET_SECRET_KEY",
        validate_default=True,
        description="signs links and form tokens, 32 characters at least; "
        "made and kept in the data folder when absent outside production",
    )
    public_url: str = Field(
        "http://127.0.0.1:8000",
        validation_alias="CHEVET_PUBLIC_URL",
        validate_default=True,
        description="the address people type, without a path; https in production",
    )
    jobs: Literal["inside", "elsewhere"] = Field(
        "inside",
        validation_alias="CHEVET_JOBS",
        description="where background jobs are worked off: inside the server, or elsewhere by `worker`",
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        validation_alias="CHEVET_TRUSTED_PROXIES",
        description="addresses, comma-separated, of reverse proxies whose X-Forwarded-* headers are believed",
    )
    time_zone: ZoneInfo = Field(
        ZoneInfo("Europe/Paris"),
        validation_alias="CHEVET_TIME_ZONE",
        description="time zone that dates are read and shown in, e.g. Europe/Paris or America/Montreal",
    )
    access_log: bool = Field(
        default=True,
        validation_alias="CHEVET_ACCESS_LOG",
        description="one JSON line on standard output for each request, without query, body or address",
    )
    log_format: Literal["text", "json"] = Field(
        "text",
        validation_alias="CHEVET_LOG_FORMAT",
        description="of faults and warnings on standard error; requests are lines of JSON in either case",
    )
    metrics_token: SecretStr | None = Field(
        None,
        validation_alias="CHEVET_METRICS_TOKEN",
        description="what Prometheus sends as bearer token to read /metrics, 32 characters at least; "
        "no metrics when absent",
    )
    traces_url: str | None = Field(
        None,
        validation_alias="CHEVET_TRACES_URL",
        description="where traces go by OTLP over HTTP, e.g. http://collector:4318/v1/traces; "
        "needs the extra otel; none when absent",
    )
    api_points: int = Field(
        1_000_000,
        ge=500_000,
        validation_alias="CHEVET_API_POINTS",
        description="points of cost an API token may spend in a minute; an account twice as many",
    )
    redis_url: str | None = Field(
        None,
        validation_alias="REDIS_URL",
        repr=False,
        description="redis://… for cache and doorbell between processes; a local cache when absent",
    )
    mlflow_tracking_uri: str | None = Field(
        None,
        validation_alias="MLFLOW_TRACKING_URI",
        repr=False,
        description="MLflow server; a local store in the data folder when absent",
    )
    mlflow_pages: str | None = Field(
        None,
        validation_alias="CHEVET_MLFLOW_PAGES",
        description="address of MLflow's own pages for whoever looks at runs; those of `make mlflow`, "
        "while it serves, when absent",
    )
    model_key: SecretStr | None = Field(
        None,
        validation_alias="CHEVET_MODEL_KEY",
        description="seals clinical models, 32 characters at least, where machines share a store; "
        "made and kept in the data folder when absent",
    )
    triage_experiment: str = Field(
        TRIAGE.experiment,
        pattern=f"^{NAME}$",
        validation_alias="CHEVET_TRIAGE_EXPERIMENT",
        description="MLflow's experiment of the triage of visits",
    )
    triage_model: str = Field(
        TRIAGE.model,
        pattern=f"^{NAME}$",
        validation_alias="CHEVET_TRIAGE_MODEL",
        description="MLflow's registered model of the triage of visits",
    )
    segmentation_experiment: str = Field(
        SEGMENTATION.experiment,
        pattern=f"^{NAME}$",
        validation_alias="CHEVET_SEGMENTATION_EXPERIMENT",
        description="MLflow's experiment of segmentations of brain tumours",
    )
    segmentation_model: str = Field(
        SEGMENTATION.model,
        pattern=f"^{NAME}$",
        validation_alias="CHEVET_SEGMENTATION_MODEL",
        description="MLflow's registered model of segmentations of brain tumours",
    )
    model_sync_minutes: int = Field(
        15,
        ge=0,
        validation_alias="CHEVET_MODEL_SYNC_MINUTES",
        description="how often the store of clinical models is looked at; 0: never",
    )
    training_data: Path | None = Field(
        None,
        validation_alias="CHEVET_TRAINING_DATA",
        description="folder of what models first learnt from: ktas.csv, mitdb/, segmentation/; "
        "no retraining when absent",
    )
    retraining_threshold: int = Field(
        100,
        ge=1,
        validation_alias="RETRAINING_THRESHOLD",
        description="so many opinions since a model last learnt raise an alert",
    )
    error_rate_threshold: float = Field(
        0.15,
        gt=0,
        le=1,
        validation_alias="ERROR_RATE_THRESHOLD",
        description="so large a share of errors among them, of 30 opinions or more, raises an alert",
    )
    retraining_starts: bool = Field(
        default=False,
        validation_alias="CHEVET_RETRAINING_STARTS",
        description="whether such an alert also starts the retraining; nothing is ever promoted by it",
    )
    held_out: Path | None = Field(
        None,
        validation_alias="CHEVET_HELD_OUT",
        description="folder with beats/ (annotated WFDB records), triage.csv and segmentation/, "
        "to judge challengers on",
    )
    openai_api_key: SecretStr | None = Field(
        None, validation_alias="OPENAI_API_KEY", description="key of the language-model endpoint"
    )
    openai_base_url: str | None = Field(
        None,
        validation_alias="OPENAI_BASE_URL",
        description="an OpenAI-compatible endpoint; without key and address the embedded matcher works alone",
    )
    openai_model: str = Field(
        "gpt-4o-mini", validation_alias="OPENAI_MODEL", description="model asked of the endpoint"
    )
    model_timeout: float = Field(
        20.0,
        gt=0,
        le=300,
        allow_inf_nan=False,
        validation_alias="CHEVET_MODEL_TIMEOUT",
        description="seconds a language model is waited for in all, further tries included",
    )
    model_calls_per_day: int = Field(
        1000,
        ge=0,
        validation_alias="CHEVET_MODEL_CALLS_PER_DAY",
        description="questions a day to the language model, over all processes",
    )
    model_euros_per_day: float = Field(
        2.0,
        ge=0,
        allow_inf_nan=False,
        validation_alias="CHEVET_MODEL_EUROS_PER_DAY",
        description="euros a day the language model may cost, over all processes",
    )
    model_input_price: float = Field(
        0.15,
        ge=0,
        allow_inf_nan=False,
        validation_alias="CHEVET_MODEL_INPUT_PRICE",
        description="euros for a million tokens the language model reads; 0 for a model of your own",
    )
    model_output_price: float = Field(
        0.60,
        ge=0,
        allow_inf_nan=False,
        validation_alias="CHEVET_MODEL_OUTPUT_PRICE",
        description="euros for a million tokens the language model writes; 0 for a model of your own",
    )
    model_reads_answers: bool = Field(
        default=False,
        validation_alias="CHEVET_MODEL_READS_ANSWERS",
        description="whether students' answers, names masked, are also sent to the language model",
    )
    model_reads_notes: bool = Field(
        default=False,
        validation_alias="CHEVET_MODEL_READS_NOTES",
        description="whether triage's notes, names masked, are also sent to the language model",
    )
    pacs_file: Path | None = Field(
        None,
        validation_alias="CHEVET_PACS_FILE",
        description="TOML file of the archives (PACS) that teachers may fetch ECGs from and, where it "
        "says so, send them to; none when absent",
    )
    smtp_host: str | None = Field(
        None,
        validation_alias="CHEVET_SMTP_HOST",
        description="mail server that letters about alerts are handed in at; none are written when absent",
    )
    smtp_port: int = Field(
        587, ge=1, le=65535, validation_alias="CHEVET_SMTP_PORT", description="port of that mail server"
    )
    smtp_encryption: Literal["starttls", "tls", "none"] = Field(
        "starttls",
        validation_alias="CHEVET_SMTP_ENCRYPTION",
        description="starttls is required of the server, tls is from the first byte on, none sends in clear",
    )
    smtp_user: str | None = Field(
        None, validation_alias="CHEVET_SMTP_USER", description="who signs in there, with the password's file"
    )
    smtp_password_file: Path | None = Field(
        None,
        validation_alias="CHEVET_SMTP_PASSWORD_FILE",
        validate_default=True,
        description="file with that password, read at start",
    )
    smtp_from: str = Field(
        "",
        validation_alias="CHEVET_SMTP_FROM",
        validate_default=True,
        description="whom letters are from, e.g. chevet@hopital.example; required with a mail server",
    )
    s3_bucket: str | None = Field(
        None, validation_alias="S3_BUCKET", description="bucket of the blobs; a local folder when absent"
    )
    s3_endpoint_url: str | None = Field(
        None, validation_alias="S3_ENDPOINT_URL", description="address of an S3-compatible store"
    )
    s3_region: str | None = Field(None, validation_alias="S3_REGION", description="region of the bucket")
    s3_access_key_id: str | None = Field(
        None, validation_alias="S3_ACCESS_KEY_ID", description="key of the store, with its secret"
    )
    s3_secret_access_key: SecretStr | None = Field(
        None, validation_alias="S3_SECRET_ACCESS_KEY", validate_default=True, description="secret of that key"
    )

    @property
    def production(self) -> bool:
        """Return whether the strict rules hold."""
        return self.env == "production"

    @property
    def secret(self) -> bytes:
        """Return the signing key; `load_settings` has made sure that there is one."""
        if self.secret_key is None:
            raise SettingsError(["CHEVET_SECRET_KEY: missing"])
        return self.secret_key.get_secret_value().encode()

    @property
    def smtp_password(self) -> str:
        """Return the password of the mail server; empty where there is none."""
        return _secret_in(self.smtp_password_file) if self.smtp_password_file else ""

    @field_validator("data_dir", "training_data")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return value.expanduser().resolve() if value is not None else None

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: str, info: ValidationInfo) -> str:
        if not value:
            return f"sqlite:///{info.data.get('data_dir', Path('var').resolve()) / 'chevet.db'}"
        if not value.startswith(("sqlite:///", "postgresql+psycopg://")):
            raise ValueError("start with sqlite:/// or postgresql+psycopg://")
        return value

    @field_validator("secret_key", "model_key", "metrics_token")
    @classmethod
    def _long_enough(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is None and info.field_name == "secret_key" and info.data.get("env") == "production":
            raise ValueError("required in production")
        if value is not None and len(value.get_secret_value()) < MIN_SECRET_LENGTH:
            raise ValueError(f"needs at least {MIN_SECRET_LENGTH} characters")
        return value

    @field_validator("public_url")
    @classmethod
    def _address(cls, value: str, info: ValidationInfo) -> str:
        address = _http_url(value).rstrip("/")
        parts = urlsplit(address)
        if parts.path or parts.query or parts.fragment:
            raise ValueError("give scheme and host only, without a path")
        if info.data.get("env") == "production" and parts.scheme != "https":
            raise ValueError("https is required in production")
        return address

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("start with redis://, rediss:// or unix://")
        return value

    @field_validator("openai_base_url", "s3_endpoint_url")
    @classmethod
    def _endpoint(cls, value: str | None) -> str | None:
        return None if value is None else _http_url(value)

    @field_validator("mlflow_pages")
    @classmethod
    def _pages(cls, value: str | None) -> str | None:
        return None if value is None else _http_url(value).rstrip("/")

    @field_validator("traces_url")
    @classmethod
    def _traced(cls, value: str | None) -> str | None:
        if value is not None and find_spec("opentelemetry.exporter") is None:
            raise ValueError(
                "needs the extra otel: uv sync --frozen --inexact --no-default-groups --extra otel"
            )
        return None if value is None else _http_url(value)

    @field_validator("pacs_file")
    @classmethod
    def _archives(cls, value: Path | None) -> Path | None:
        path = None if value is None else value.expanduser().resolve()
        read_archives(path)
        return path

    @field_validator("smtp_password_file")
    @classmethod
    def _password(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if (value is None) != (info.data.get("smtp_user") is None):
            raise ValueError("give CHEVET_SMTP_USER and CHEVET_SMTP_PASSWORD_FILE together")
        if value is None:
            return None
        if info.data.get("smtp_encryption") == "none" and info.data.get("smtp_host") not in HERE:
            raise ValueError("a password goes over the network encrypted only: see CHEVET_SMTP_ENCRYPTION")
        path = value.expanduser().resolve()
        if not _secret_in(path):
            raise ValueError("the file is empty or cannot be read")
        return path

    @field_validator("smtp_from")
    @classmethod
    def _sender(cls, value: str, info: ValidationInfo) -> str:
        if not value and info.data.get("smtp_host") is None:
            return value
        address = parseaddr(value)[1]
        if not value.isprintable() or not SENDER.fullmatch(address):
            raise ValueError("give an address: Chevet <chevet@hopital.example>")
        return value

    @field_validator("s3_bucket")
    @classmethod
    def _installed(cls, value: str | None) -> str | None:
        if value is not None and find_spec("boto3") is None:
            raise ValueError("needs the extra s3: uv sync --frozen --inexact --no-default-groups --extra s3")
        return value

    @field_validator("s3_secret_access_key")
    @classmethod
    def _key_and_secret(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if (value is None) != (info.data.get("s3_access_key_id") is None):
            raise ValueError("give S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY together")
        return value


def load_settings(env_file: Path | None = Path(".env"), **overrides: Any) -> Settings:
    """Read the settings, and make and keep a secret key when none is needed yet.

    Parameters
    ----------
    env_file
        A file of `NAME=value` lines that the environment wins over; None reads the environment alone.
    overrides
        Values by field name, which win over both.

    Raises
    ------
    SettingsError
        With every bad value named.
    """
    try:
        settings = Settings(**{"_env_file": env_file, **overrides})
    except ValidationError as error:
        raise SettingsError([_problem(fault) for fault in error.errors()]) from None
    if settings.secret_key is not None:
        return settings
    return settings.model_copy(update={"secret_key": SecretStr(_kept_key(settings.data_dir))})


def documented() -> list[tuple[str, str, str]]:
    """Return (variable, default, meaning) of every setting, for the README and the tests."""
    fields = Settings.model_fields.values()
    defaults = ["" if field.default is None else str(field.default) for field in fields]
    return [
        (str(field.validation_alias), default, field.description or "")
        for field, default in zip(fields, defaults, strict=True)
    ]


def _problem(fault: Any) -> str:
    name = str(fault["loc"][0]) if fault["loc"] else "settings"
    field = Settings.model_fields.get(name)
    variable = str(field.validation_alias) if field else name
    return f"{variable}: {str(fault['msg']).removeprefix('Value error, ')}"


def _secret_in(path: Path) -> str:
    """Return the first line of a file; empty where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8").partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("give an http:// or https:// address")
    return value


def _kept_key(data_dir: Path) -> str:
    """Return the key kept in the data folder; of several processes starting at once, one makes it."""
    path = data_dir / KEY_FILE
    try:
        make_key(path)
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise SettingsError([f"CHEVET_DATA_DIR: cannot keep a secret key there ({error.strerror})"]) from None
