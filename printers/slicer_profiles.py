"""With which PrusaSlicer profile a plate is sliced: the vendor's, flattened, or our own.

PrusaSlicer installs its vendors' profiles as bundles, files of sections that inherit from one
another, and its command line cannot load one: a bundle given to `--load` leaves the defaults in
place without a word. So a bundle's sections are resolved here at run time into flat keys; no
vendor's profile is in our tree. Where the bundle is missing, or has dropped the names that a preset
knows, our own profile takes its place and its title says so. Only reads files.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from designs.materials import Material
from firmware_profiles.loader import slicer_profile_path
from firmware_profiles.profile import ROUND, MachinePreset, VendorProfiles
from printers.prime_line import circle, prime_line

_log = logging.getLogger(__name__)

_Sections = dict[str, dict[str, str]]

#: What a plate is, and what our checks read, whichever profile it is sliced with.
_OURS: Mapping[str, str] = MappingProxyType(
    {
        # Nests keep a margin to the edge and gaps between parts, not room for a skirt or a brim.
        "skirts": "0", "brim_width": "0", "brim_type": "no_brim", "draft_shield": "disabled",
        # Estimates and approvals of designs are for parts without these.
        "support_material": "0", "raft_layers": "0", "spiral_vase": "0", "complete_objects": "0",
        "wipe_tower": "0",
        # A profile may name programs to be run on the G-code: never.
        "post_process": "", "gcode_substitutions": "",
        # The checks read plain text and follow straight moves.
        "binary_gcode": "0", "arc_fitting": "disabled", "gcode_comments": "0",
        "gcode_label_objects": "0", "output_filename_format": "plate.gcode",
        # Without a display nothing is drawn; `printers.thumbnails` puts in those of the plate.
        "thumbnails": "",
    }
)  # fmt: skip

#: For people and for PrusaSlicer's menus; nothing of it is sliced.
_DROPPED = re.compile(
    r"inherits|alias|renamed_from|compatible_|default_(?:print|filament|sla|materials)",
    re.IGNORECASE,
)

#: Commands that are taken out of a vendor's own G-code, and why that is safe:
#: M907 E sets the motor current of the MK3's extruder. Its profiles set another one than the
#: firmware's only for fine layers, and back at the end: without the line the firmware's stays.
#: M115 U tells the newest firmware's version: an older printer asks for a click before it goes on.
_TAKEN_OUT = re.compile(r"M907 E\d+|M115 U[\d.]+")


#: How our own profile primes the nozzle; elsewhere where a bed is round or has something there.
_PRIME_LINE = r"G1 X10 Y1 F6000\nG1 X110 E9 F1000 ; prime line"


@dataclass(frozen=True, slots=True, kw_only=True)
class SlicerProfile:
    """Flat keys for PrusaSlicer's `--load`."""

    title: str  # which one it is, for people: "PrusaResearch 1.5.1, 0.30mm DRAFT @MK3"
    keys: Mapping[str, str]

    def text(self) -> str:
        """The ini file; the same keys always give the same text."""
        return "".join(f"{key} = {self.keys[key]}\n" for key in sorted(self.keys))


class _NotThereError(Exception):
    """A bundle does not hold what a preset names."""


def profile_for(
    preset: MachinePreset, material: Material, bundle_folders: Iterable[Path]
) -> SlicerProfile:
    """Return the profile for one kind of machine and one material.

    Args:
        preset: names both profiles; its bed and height hold in either.
        material: temperatures, density and fan of our own profile; a vendor's has its own.
        bundle_folders: where bundles may be installed, in the order to look.

    Raises:
        FirmwareProfileError: our own profile, which is needed here, is missing.
    """
    filament = preset.vendor.filaments.get(material.code) if preset.vendor else None
    if preset.vendor is not None and filament is not None:
        try:
            return _of_vendor(preset, preset.vendor, filament, bundle_folders)
        except _NotThereError as why:
            _log.warning("%s is sliced with our own profile: %s", preset.title, why)
    return _our_own(preset, material)


def _our_own(preset: MachinePreset, material: Material) -> SlicerProfile:
    name = preset.slicer_profile
    keys = _own_keys(name) | {
        "nozzle_diameter": f"{preset.nozzle_mm:g}",
        "printer_model": preset.name,
        "printer_settings_id": f"fabnet {preset.name}",
        "filament_type": material.code,
        "filament_density": str(material.density_g_cm3),
        "temperature": str(material.nozzle_print_c),
        "first_layer_temperature": str(material.nozzle_first_c),
        "bed_temperature": str(material.bed_print_c),
        "first_layer_bed_temperature": str(material.bed_first_c),
        "min_fan_speed": str(material.fan_percent[0]),
        "max_fan_speed": str(material.fan_percent[1]),
        "bridge_fan_speed": str(material.fan_percent[1]),
    }
    if not preset.is_plain:
        keys["start_gcode"] = keys["start_gcode"].replace(_PRIME_LINE, prime_line(preset))
    return SlicerProfile(title=f"fabnet's own {name}", keys={**keys, **_room(preset), **_OURS})


def _own_keys(name: str) -> dict[str, str]:
    """Return the keys and values of one of our own profiles, over those of the one that it inherits."""
    keys = _sections(slicer_profile_path(name).read_text(encoding="utf-8")).get("", {})
    parent = keys.pop("inherits", "")
    return _own_keys(parent) | keys if parent else keys


def _room(preset: MachinePreset) -> dict[str, str]:
    x, y = f"{preset.bed_x_mm:g}", f"{preset.bed_y_mm:g}"
    corners = f"0x0,{x}x0,{x}x{y},0x{y}"
    if preset.bed == ROUND:
        corners = ",".join(f"{x:g}x{y:g}" for x, y in circle(preset.bed_x_mm))
    return {
        "bed_shape": corners,
        "max_print_height": f"{preset.height_mm:g}",
    }


def _of_vendor(
    preset: MachinePreset, vendor: VendorProfiles, filament: str, folders: Iterable[Path]
) -> SlicerProfile:
    """Flatten three sections of a bundle and all that they inherit.

    Raises:
        _NotThereError: the bundle is not installed, or not one that holds these names.
    """
    path = next((p for f in folders if (p := f / f"{vendor.bundle}.ini").is_file()), None)
    if path is None:
        raise _NotThereError(f"PrusaSlicer's bundle {vendor.bundle} is not installed here")
    try:
        sections = _sections(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise _NotThereError(f"{path} cannot be read: {error}") from error
    names = {"printer": vendor.printer, "filament": filament, "print": vendor.print}
    keys: dict[str, str] = {}
    for kind, told in names.items():
        # The start and end G-code asks for these names, so they are those of today.
        name = names[kind] = _name_today(sections, kind, told)
        keys |= _resolved(sections, kind, name, ())
    if not keys.get("printer_model"):
        # The G-code would ask the printer whether it is a "", and leave parts of itself out.
        raise _NotThereError(f"{path} does not say which model {names['printer']!r} is")
    keys = {
        key: _TAKEN_OUT.sub("", value) if key.endswith("_gcode") else value
        for key, value in keys.items()
        if not _DROPPED.match(key)
    }
    version = sections.get("vendor", {}).get("config_version", "")
    keys |= {
        "printer_settings_id": names["printer"],
        "filament_settings_id": f'"{names["filament"]}"',
        "print_settings_id": names["print"],
    }
    return SlicerProfile(
        title=f"{vendor.bundle} {version}, {names['print']}",
        keys={**keys, **_room(preset), **_OURS},
    )


def _sections(text: str) -> _Sections:
    """Return sections by their header; keys before the first one belong to ""."""
    found: _Sections = {}
    section = found.setdefault("", {})
    for line in text.splitlines():
        line = line.strip()  # noqa: PLW2901
        if line.startswith("[") and line.endswith("]"):
            section = found.setdefault(line[1:-1], {})
            continue
        key, equals, value = line.partition("=")
        if equals and not line.startswith(("#", ";")):
            section[key.strip()] = value.strip()
    return found


def _listed(value: str) -> list[str]:
    return [name for part in value.split(";") if (name := part.strip().strip('"'))]


def _name_today(sections: _Sections, kind: str, name: str) -> str:
    """Return the name itself, or the one that the bundle gave it since."""
    if f"{kind}:{name}" in sections:
        return name
    for header, keys in sections.items():
        if header.startswith(f"{kind}:") and name in _listed(keys.get("renamed_from", "")):
            return header.partition(":")[2]
    raise _NotThereError(f"this version of PrusaSlicer has no {kind} profile {name!r}")


def _resolved(sections: _Sections, kind: str, name: str, below: tuple[str, ...]) -> dict[str, str]:
    """Return a section's keys over those that it inherits; of several parents the last one wins."""
    own = sections.get(f"{kind}:{name}")
    if own is None or name in below:
        raise _NotThereError(f"the {kind} profile {name!r} inherits from what is not there")
    keys: dict[str, str] = {}
    for parent in _listed(own.get("inherits", "")):
        keys |= _resolved(sections, kind, parent, (*below, name))
    return keys | own
