"""This lab as an Open Know-Where facility, by its own configuration. Leaves the format to `jobs.okw`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from designs.model import PRINTED
from fabnet.config import OWN_PROFILES, NodeConfig
from jobs.okw import Machine, machine_of_preset
from jobs.okw import facility as facility_of


def facility(config: NodeConfig, now: datetime) -> dict[str, object]:
    """Return what a lab's configuration says of it, as JSON values.

    The place is rounded to some 5 km, as the network is told it, and left out where the file has none.

    Raises:
        FirmwareProfileError: a printer's preset is not there.
    """
    own = Path(config.data_dir) / OWN_PROFILES
    machines = [
        machine_of_preset(each.preset, own)
        if each.process == PRINTED
        else Machine(process=each.process)
        for each in config.printers
    ]
    return facility_of(config.lab, config.place, machines, now, "fabnet node export-okw")
