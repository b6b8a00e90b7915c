"""Settings fail at start, all at once, and never show a secret."""

import stat
from pathlib import Path

import pytest

from server.settings import Settings, SettingsError, documented, load_settings

VARIABLES = [variable for variable, _, _ in documented()]


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("CHEVET_DATA_DIR", str(tmp_path / "data"))


def test_without_any_variable_the_embedded_parts_are_chosen(tmp_path: Path) -> None:
    settings = load_settings(None)
    assert settings.env == "development"
    assert settings.database_url == f"sqlite:///{tmp_path}/data/chevet.db"
    assert settings.redis_url is None
    assert settings.s3_bucket is None


def test_every_bad_value_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHEVET_ENV", "prod")
    monkeypatch.setenv("DATABASE_URL", "mysql://root:hunter2@db/chevet")
    monkeypatch.setenv("CHEVET_SECRET_KEY", "too-short-secret")
    monkeypatch.setenv("CHEVET_PUBLIC_URL", "chevet.example/path")
    monkeypatch.setenv("REDIS_URL", "localhost:6379")
    monkeypatch.setenv("S3_ACCESS_KEY_ID", "AKIA")
    with pytest.raises(SettingsError) as caught:
        load_settings(None)
    named = {line.split(":")[0] for line in caught.value.problems}
    assert named == {
        "CHEVET_ENV",
        "DATABASE_URL",
        "CHEVET_SECRET_KEY",
        "CHEVET_PUBLIC_URL",
        "REDIS_URL",
        "S3_SECRET_ACCESS_KEY",
    }
    assert "hunter2" not in str(caught.value)
    assert "too-short-secret" not in str(caught.value)


def test_production_requires_a_secret_and_an_https_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHEVET_ENV", "production")
    with pytest.raises(SettingsError) as caught:
        load_settings(None)
    assert {line.split(":")[0] for line in caught.value.problems} == {
        "CHEVET_SECRET_KEY",
        "CHEVET_PUBLIC_URL",
    }


def test_production_starts_with_both(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CHEVET_ENV", "production")
    monkeypatch.setenv("CHEVET_SECRET_KEY", "k" * 32)
    monkeypatch.setenv("CHEVET_PUBLIC_URL", "https://chevet.example/")
    settings = load_settings(None)
    assert settings.public_url == "https://chevet.example"
    assert settings.secret == b"k" * 32
    assert not (tmp_path / "data").exists()


def test_the_secret_key_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    first, second = load_settings(None), load_settings(None)
    assert first.secret == second.secret
    assert len(first.secret) >= 32
    kept = tmp_path / "data" / "secret_key"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert [path.name for path in kept.parent.iterdir()] == ["secret_key"]


def test_an_env_file_is_read_and_the_environment_wins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("OPENAI_MODEL=from-file\nREDIS_URL=redis://file\n", encoding="utf-8")
    monkeypatch.setenv("REDIS_URL", "redis://environment")
    settings = load_settings(env_file)
    assert settings.openai_model == "from-file"
    assert settings.redis_url == "redis://environment"


def test_no_secret_shows_when_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHEVET_SECRET_KEY", "s" * 40)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-visible")
    monkeypatch.setenv("DATABASE_URL", "postgresql+psycopg://u:hunter2@db/chevet")
    printed = repr(load_settings(None))
    assert "s" * 40 not in printed
    assert "sk-visible" not in printed
    assert "hunter2" not in printed


def test_proxies_are_a_list_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHEVET_TRUSTED_PROXIES", "10.0.0.1, 10.0.0.2")
    assert load_settings(None).trusted_proxies == ("10.0.0.1", "10.0.0.2")


def test_a_data_folder_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder", encoding="utf-8")
    monkeypatch.setenv("CHEVET_DATA_DIR", str(blocked))
    with pytest.raises(SettingsError, match="CHEVET_DATA_DIR"):
        load_settings(None)


def test_every_setting_is_documented() -> None:
    assert len(VARIABLES) == len(set(VARIABLES)) == len(Settings.model_fields)
    assert all(len(meaning) > 15 for _, _, meaning in documented())


def test_a_bucket_without_the_package_that_speaks_to_it_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("server.settings.find_spec", lambda _name: None)
    with pytest.raises(SettingsError, match="S3_BUCKET: needs the extra s3"):
        load_settings(None, data_dir=tmp_path, s3_bucket="ecg")
