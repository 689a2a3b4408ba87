"""Checks layouts exactly, without the nester's own code."""

import itertools
import math

import numpy as np
import shapely
from shapely.geometry import Point, box

#: Placements are rounded to a thousandth of a mm.
ROUNDED_MM = 0.002


def lies(shadow, placement):
    """The shadow where a placement puts it."""
    angle = math.radians(placement.angle_deg)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    move = np.array([placement.x_mm, placement.y_mm])
    return shapely.transform(shadow, lambda xy: xy @ turn + move)


def wrong_places(shadows, bed, gap_mm):
    """What of shadows on a bed lies outside, in a zone, or too near to another."""
    margin = bed.margin_mm
    if bed.round:
        middle = Point(bed.x_mm / 2, bed.y_mm / 2)
        reach = bed.x_mm / 2 - margin + ROUNDED_MM
        outside = [s for s in shadows if middle.hausdorff_distance(s) > reach]
    else:
        room = box(margin, margin, bed.x_mm - margin, bed.y_mm - margin).buffer(ROUNDED_MM)
        outside = [s for s in shadows if not room.covers(s)]
    zones = [box(*zone).buffer(-ROUNDED_MM) for zone in bed.keep_out]
    in_zones = [
        s for s in shadows for zone in zones if s.distance(zone) < margin or s.intersects(zone)
    ]
    close = [
        (a, b) for a, b in itertools.combinations(shadows, 2) if a.distance(b) < gap_mm - ROUNDED_MM
    ]
    return outside + in_zones + close
