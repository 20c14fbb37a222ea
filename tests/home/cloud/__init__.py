"""Stands in for a Home Assistant Cloud that is logged in: `cloud/status` says what `cloud.json` in the configuration folder says at that moment.

The answer is put together by the real integration's own code, which is in the installed package and cannot log in without Nabu Casa. Only where
that code takes its facts from is replaced. Lines are given as A/B: A of Home Assistant 2025.4.4 with hass-nabucasa 0.94.0, B of 2026.11.0 with 2.8.1.

* the command `cloud/status`, open to every user: `websocket_cloud_status` in `components/cloud/http_api.py`, line 524/769;
* its fields, and the short answer of somebody who is logged out: `_account_data`, line 700/1111. Called here as it is. 2026.11.0 adds
  `onboarding_completed` and `onboarding_postponed`, and `auto_login` to both answers. That is null, but for an administrator of a home that is logged
  out and has a registration that waits (line 782), which this one never has;
* `prefs`: `CloudPreferences.as_dict` in `components/cloud/prefs.py`, line 238/245. The real one, with its real defaults and remote access switched on.
  2026.11.0 adds `onboarded_items` and `onboarding_postponed_until`;
* `alexa_entities`, `google_entities`: the filters of `ALEXA_SCHEMA` and `GACTIONS_SCHEMA` in `components/cloud/__init__.py`, line 111/135. The real
  ones, empty;
* `remote_certificate`: `Certificate` in `hass_nabucasa/remote.py`, line 72/85. The real class. Its date is the end of the validity in UTC and its
  fingerprint SHA-1 in 40 lower-case hexadecimal digits without colons (`hass_nabucasa/acme.py`, lines 126 and 153/180 and 207);
* `remote_certificate_status`: `CertificateStatus`, `hass_nabucasa/remote.py`, line 81/`hass_nabucasa/const.py`, line 85. The real values, or null:
  `error`, `generating`, `loaded`, `loading` and `ready`, to which 2.8.1 adds thirty-one, such as `expired`, `renewal_failed` and `no_certificate`;
* `remote_certificate` is null where no certificate is there yet (`RemoteUI.certificate`, `hass_nabucasa/remote.py`, line 154/180);
* `cloud`: `connecting`, `connected` or `disconnected` (`hass_nabucasa/const.py`, line 12/27).

Without a file, nobody is logged in. The file has the names of the answer: `remote_domain`, `remote_connected`, `remote_certificate_status`,
`remote_certificate`, and if wanted `cloud`, `email` and `active_subscription`.
"""

from datetime import datetime
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from hass_nabucasa.remote import Certificate, CertificateStatus
from homeassistant.components import websocket_api
from homeassistant.components.cloud import ALEXA_SCHEMA, GACTIONS_SCHEMA, http_api
from homeassistant.components.cloud.prefs import CloudPreferences
from homeassistant.core import HomeAssistant
from homeassistant.helpers.typing import ConfigType

FILE = "cloud.json"


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Registers the command."""
    prefs = CloudPreferences(hass)
    await prefs.async_initialize()
    await prefs.async_update(remote_enabled=True)

    @websocket_api.websocket_command({"type": "cloud/status"})
    @websocket_api.async_response
    async def status(hass: HomeAssistant, connection: websocket_api.ActiveConnection, msg: dict[str, Any]) -> None:
        told = await hass.async_add_executor_job(read, Path(hass.config.path(FILE)))
        answer = await http_api._account_data(hass, cloud(told, prefs))
        connection.send_message(websocket_api.result_message(msg["id"], answer))

    websocket_api.async_register_command(hass, status)
    return True


def read(file: Path) -> dict[str, Any] | None:
    """What the home is to say; nothing without a file."""
    try:
        return json.loads(file.read_text())
    except FileNotFoundError:
        return None


def cloud(told: dict[str, Any] | None, prefs: CloudPreferences) -> SimpleNamespace:
    """What `_account_data` reads of a cloud."""
    if told is None:
        return SimpleNamespace(is_logged_in=False)

    async def alexa() -> SimpleNamespace:
        return SimpleNamespace(authorized=False)

    async def google() -> SimpleNamespace:
        return SimpleNamespace(has_registered_user_agent=False, is_local_connected=False)

    certificate = told["remote_certificate"]
    if certificate is not None:
        certificate = Certificate(**certificate | {"expire_date": datetime.fromisoformat(certificate["expire_date"])})
    certificate_status = told["remote_certificate_status"]
    return SimpleNamespace(
        is_logged_in=True,
        claims={"email": told.get("email", "somebody@example.org")},
        client=SimpleNamespace(
            prefs=prefs,
            alexa_user_config=ALEXA_SCHEMA({}),
            google_user_config=GACTIONS_SCHEMA({}),
            get_alexa_config=alexa,
            get_google_config=google,
        ),
        iot=SimpleNamespace(state=told.get("cloud", "connected"), last_disconnect_reason=None),
        remote=SimpleNamespace(
            certificate=certificate,
            certificate_status=None if certificate_status is None else CertificateStatus(certificate_status),
            instance_domain=told["remote_domain"],
            is_connected=told["remote_connected"],
        ),
        subscription_expired=not told.get("active_subscription", True),
    )
