"""Which firmware profile and which machine fit what a printer says of itself. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from firmware_profiles.errors import FirmwareProfileError
from firmware_profiles.profile import FirmwareProfile, MachinePreset

UNKNOWN = "unknown"
GRBL = (
    "this is Grbl: it drives a mill or a laser, not a 3D printer, and fabnet cannot drive it. Unplug it or"
    " choose another port; work done with it is reported by hand (manual = true)"
)
_GRBL = re.compile(r"^\s*grbl\b", re.IGNORECASE)


def detect(firmware_name: str, profiles: Iterable[FirmwareProfile]) -> FirmwareProfile:
    """Return the first profile that matches M115's FIRMWARE_NAME; "unknown" otherwise.

    Raises:
        FirmwareProfileError: it is Grbl, which drives mills and lasers and knows no M115; or the
            profiles hold no "unknown".
    """
    if _GRBL.search(firmware_name):
        raise FirmwareProfileError(firmware_name, "", GRBL)
    known = tuple(profiles)
    for profile in known:
        if any(re.search(pattern, firmware_name, re.IGNORECASE) for pattern in profile.match):
            return profile
    for profile in known:
        if profile.name == UNKNOWN:
            return profile
    raise FirmwareProfileError(f"{UNKNOWN}.toml", "", "the profile for unknown firmware is missing")


def detect_machine(
    machine_type: str, usb_id: str, presets: Iterable[MachinePreset]
) -> MachinePreset | None:
    """Return the preset to propose for a printer, None where nothing tells which machine it is.

    The firmware's own word goes before the board's USB id, which machines of one make share. It is
    a proposal: many boards still carry the name of the machine that their firmware was made for.

    Args:
        machine_type: M115's MACHINE_TYPE as sent, "" where it was not asked.
        usb_id: "vendor:product" in lower-case hex, "" where it has none.
        presets: in the order to try.
    """
    known = tuple(presets)
    name = machine_type.strip()
    for preset in known:
        if any(re.fullmatch(pattern, name, re.IGNORECASE) for pattern in preset.match):
            return preset
    if name and any(usb_id in preset.usb for preset in known):
        # A board of this make that calls itself something else is another machine of theirs.
        return None
    return next((preset for preset in known if usb_id in preset.usb), None)
