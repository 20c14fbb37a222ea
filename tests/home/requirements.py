"""Prints the packages that the integrations want which Home Assistant loads without being asked, and two-factor authentication.

Home Assistant installs them itself at its first start; from this list it is done beforehand, so that it starts with --skip-pip.
"""

import json
from pathlib import Path

import homeassistant.components
from homeassistant import bootstrap
from homeassistant.auth.mfa_modules import totp

FOLDER = Path(homeassistant.components.__path__[0])

requirements = set(totp.REQUIREMENTS)
waiting = {*bootstrap.CORE_INTEGRATIONS, *bootstrap.DEFAULT_INTEGRATIONS}
seen = set()
while waiting:
    domain = waiting.pop()
    seen.add(domain)
    manifest = json.loads((FOLDER / domain / "manifest.json").read_text())
    requirements.update(manifest.get("requirements", []))
    waiting.update(set(manifest.get("dependencies", [])) - seen)
print("\n".join(sorted(requirements)))
