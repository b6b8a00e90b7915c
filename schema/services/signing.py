"""Signatures of webhooks, after the Standard Webhooks specification."""

import base64
import hashlib
import hmac
from datetime import datetime

from schema.models.webhooks import Webhook
from schema.services.passwords import Passwords

PREFIX = "whsec_"


def secret_of(salt: str, passwords: Passwords) -> str:
    """Return a secret as its holder is shown it: derived from the site's key, so that none is stored."""
    key = bytes.fromhex(passwords.keyed("webhook", salt))
    return PREFIX + base64.b64encode(key).decode()


def signed_headers(
    webhook: Webhook, event_id: str, body: bytes, now: datetime, passwords: Passwords
) -> dict[str, str]:
    """Return what goes with a message; while a secret is being replaced, it is signed with both."""
    salts = [webhook.salt]
    if webhook.previous_salt and webhook.previous_until and now < webhook.previous_until:
        salts.append(webhook.previous_salt)
    stamp = str(int(now.timestamp()))
    signed = f"{event_id}.{stamp}.".encode() + body
    return {
        "webhook-id": event_id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(_signature(secret_of(salt, passwords), signed) for salt in salts),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
