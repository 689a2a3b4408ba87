"""Which firmware profile fits what a printer says of itself. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from firmware_profiles.errors import FirmwareProfileError
from firmware_profiles.profile import FirmwareProfile

UNKNOWN = "unknown"
_GRBL = re.compile(r"^\s*grbl\b", re.IGNORECASE)


def detect(firmware_name: str, profiles: Iterable[FirmwareProfile]) -> FirmwareProfile:
    """Return the first profile (by name) that matches M115's FIRMWARE_NAME; "unknown" otherwise.

    Raises:
        FirmwareProfileError: it is Grbl, which drives mills and lasers and knows no M115; or the
            profiles hold no "unknown".
    """
    if _GRBL.search(firmware_name):
        raise FirmwareProfileError(
            firmware_name,
            "",
            "this is Grbl: a mill or a laser, not a 3D printer; fabnet cannot drive it",
        )
    by_name = sorted(profiles, key=lambda profile: profile.name)
    for profile in by_name:
        if any(re.search(pattern, firmware_name, re.IGNORECASE) for pattern in profile.match):
            return profile
    for profile in by_name:
        if profile.name == UNKNOWN:
            return profile
    raise FirmwareProfileError(f"{UNKNOWN}.toml", "", "the profile for unknown firmware is missing")
