"""A pleated cloth mask: its pattern at full size and its steps in pictures, on an A4 sheet each, as SVG.

Words in French and in English. It is cloth: no drawing says that it protects anybody from anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from designs.catalogue.measures import check, check_room

_HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="210mm" height="297mm" viewBox="0 0 210 297"'
    ' font-family="sans-serif" font-size="4">'
)
_LEAST_FOLDED_MM = 40.0
#: The pattern lies on an A4 sheet, at full size.
_BOUNDS = {
    "width_mm": (120.0, 190.0),
    "height_mm": (120.0, 240.0),
    "seam_mm": (5.0, 20.0),
    "pleats": (1, 5),
    "pleat_mm": (5.0, 25.0),
    "elastic_mm": (100.0, 400.0),
}
_CLAIM = (
    "Ni dispositif médical, ni équipement de protection : un masque en tissu.",
    "Neither a medical device nor protective equipment: a cloth mask.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClothMask:
    """The measures of a mask for adults; cloth is cut with its seams.

    Raises:
        ValueError: a measure gives no mask that can be pleated and fits its sheet; names it and its bounds.
    """

    width_mm: float = 190.0  # from ear to ear
    height_mm: float = 190.0
    seam_mm: float = 10.0
    pleats: int = 3
    pleat_mm: float = 15.0  # what one takes up, twice this of cloth
    elastic_mm: float = 200.0

    def __post_init__(self) -> None:
        """Check the bounds."""
        check(self, _BOUNDS)
        check_room(
            "folded_mm", self.folded_mm, _LEAST_FOLDED_MM, "of cloth are left when it is pleated"
        )

    @property
    def folded_mm(self) -> float:
        """How tall the mask is when it is sewn and pleated."""
        return self.height_mm - 2 * self.seam_mm - self.pleats * 2 * self.pleat_mm


def pattern(mask: ClothMask | None = None) -> str:
    """Return the sheet that is printed at 100 % and laid on the cloth."""
    mask = mask or ClothMask()
    x, y, wide, tall = 10.0, 44.0, mask.width_mm, mask.height_mm
    seam = mask.seam_mm
    rows = [
        f'<rect x="10" y="44" width="{wide:g}" height="{tall:g}" stroke-width=".6"/>',
        f'<rect x="{x + seam:g}" y="{y + seam:g}" width="{wide - 2 * seam:g}"'
        f' height="{tall - 2 * seam:g}" stroke-dasharray="3 2"/>',
    ]
    for number in range(mask.pleats):
        at = y + _pleat_at(mask, number)
        rows.append(f'<path d="M{x:g} {at:g}h{wide:g}"/>')
        rows.append(
            f'<path d="M{x:g} {at + 2 * mask.pleat_mm:g}h{wide:g}" stroke-dasharray="1 2"/>'
        )
        for side in (x + 4, x + wide - 4):
            end = at + 2 * mask.pleat_mm - 1
            rows.append(f'<path d="M{side:g} {at + 1:g}V{end:g}m-1.5-3l1.5 3l1.5-3"/>')
    words = [
        (10, 14, 6.5, "Masque en tissu – patron / Cloth mask – pattern"),
        (
            10,
            21,
            4,
            "Imprimer à 100 % : ce trait mesure 50 mm. / Print at 100 %: this line is 50 mm.",
        ),
        (
            10,
            34,
            4,
            f"Couper deux fois dans un tissu serré, lavable à 60 °C ({wide:g} × {tall:g} mm).",
        ),
        (
            10,
            39,
            4,
            f"Cut twice from closely woven cloth, washable at 60 °C ({wide:g} × {tall:g} mm).",
        ),
        (24, 52, 3.4, f"couture à {seam:g} mm / seam at {seam:g} mm"),
        (
            10,
            242,
            4,
            "Trait plein : pli, à rabattre sur le pointillé, vers le bas, des deux côtés.",
        ),
        (10, 247, 4, "Full line: fold, laid down onto the dotted line, on both sides."),
        (
            10,
            256,
            4,
            f"Deux élastiques de {mask.elastic_mm:g} mm (5 mm de large), cousus dans les coins.",
        ),
        (10, 261, 4, f"Two elastics of {mask.elastic_mm:g} mm (5 mm wide), sewn into the corners."),
        (10, 270, 4, f"Plié, il mesure {wide - 2 * seam:g} × {mask.folded_mm:g} mm. / Pleated."),
        (10, 282, 4, _CLAIM[0]),
        (10, 287, 4, _CLAIM[1]),
    ]
    return _sheet("Masque en tissu, patron / Cloth mask, pattern", rows, words, scale=True)


def _pleat_at(mask: ClothMask, number: int) -> float:
    """Return where a pleat begins, from the upper edge of the cloth; they share the height evenly."""
    room = mask.height_mm - 2 * mask.seam_mm
    free = (room - mask.pleats * 2 * mask.pleat_mm) / (mask.pleats + 1)
    return mask.seam_mm + free + number * (2 * mask.pleat_mm + free)


#: Of each step: what is drawn in a frame of 80 x 46 mm, and what is said in French and in English.
_STEPS: tuple[tuple[str, str, str], ...] = (
    (
        '<rect x="22" y="6" width="32" height="32"/><rect x="26" y="9" width="32" height="32" fill="#fff"/>'
        '<path d="M60 12l6-4m-6 4l6 4"/><circle cx="68" cy="7" r="2"/><circle cx="68" cy="17" r="2"/>',
        "Laver le tissu à 60 °C. Couper deux carrés.",
        "Wash the cloth at 60 °C. Cut two squares.",
    ),
    (
        '<rect x="24" y="7" width="32" height="32"/>'
        '<path d="M27 10c8 6 8 20 0 26M53 10c-8 6-8 20 0 26" stroke-width="1"/>'
        '<circle cx="27" cy="10" r="1.4"/><circle cx="27" cy="36" r="1.4"/>'
        '<circle cx="53" cy="10" r="1.4"/><circle cx="53" cy="36" r="1.4"/>',
        "Épingler les élastiques dans les coins, vers l’intérieur.",
        "Pin the elastics into the corners, pointing inwards.",
    ),
    (
        '<rect x="24" y="7" width="32" height="32"/><path d="M34 37H26V9h28v28h-8" stroke-dasharray="2 1.2"/>'
        '<path d="M34 42h12m-12-1v2m12-2v2"/>',
        "Endroit contre endroit, coudre à 10 mm ; laisser 60 mm ouverts.",
        "Right sides together, sew at 10 mm; leave 60 mm open.",
    ),
    (
        '<rect x="24" y="9" width="32" height="28"/><path d="M24 11c-10 5-10 19 0 24M56 11c10 5 10 19 0 24"/>'
        '<path d="M34 41c4 3 8 3 12 0m0 0l-3-.5m3 .5l-1.5 2.5"/>',
        "Retourner par l’ouverture. Repasser.",
        "Turn it right side out through the opening. Iron it.",
    ),
    (
        '<rect x="24" y="9" width="32" height="28"/>'
        '<path d="M24 16h32M24 23h32M24 30h32"/><path d="M24 19h32M24 26h32M24 33h32" stroke-dasharray="1 1"/>'
        '<path d="M60 15v5m-1.2-2l1.2 2l1.2-2M60 22v5m-1.2-2l1.2 2l1.2-2M60 29v5m-1.2-2l1.2 2l1.2-2"/>',
        "Plier les trois plis vers le bas, d’après le patron. Épingler.",
        "Lay the three pleats downwards, as on the pattern. Pin them.",
    ),
    (
        '<rect x="22" y="14" width="36" height="18"/><path d="M24 16h32v14H24z" stroke-dasharray="2 1.2"/>'
        '<path d="M22 16c-10 3-10 11 0 14M58 16c10 3 10 11 0 14"/>'
        '<path d="M22 20h36M22 26h36" stroke-width=".3"/>',
        "Surpiquer tout le tour à 3 mm : l’ouverture et les plis tiennent.",
        "Sew all around at 3 mm: it closes the opening and holds the pleats.",
    ),
)


def steps() -> str:
    """Return the sheet with a picture and a sentence a step."""
    rows: list[str] = []
    words: list[tuple[float, float, float, str]] = [
        (10, 14, 6.5, "Masque en tissu – étapes / Cloth mask – steps")
    ]
    for number, (drawn, french, english) in enumerate(_STEPS):
        x, y = 12.0 + 96.0 * (number % 2), 24.0 + 82.0 * (number // 2)
        rows.append(f'<rect x="{x:g}" y="{y:g}" width="90" height="48" stroke="#999" rx="2"/>')
        rows.append(f'<g transform="translate({x + 5:g} {y:g})">{drawn}</g>')
        words += [
            (x + 3, y + 7, 5.5, str(number + 1)),
            *((x, y + 54 + 4.5 * n, 3.6, line) for n, line in enumerate(_lines(french, english))),
        ]
    words += [
        (12, 276, 4, "Laver à 60 °C avant de le porter. / Wash at 60 °C before wearing it."),
        (12, 282, 4, _CLAIM[0]),
        (12, 287, 4, _CLAIM[1]),
    ]
    return _sheet("Masque en tissu, étapes / Cloth mask, steps", rows, words)


def _lines(*texts: str, longest: int = 46) -> Iterable[str]:
    for text in texts:
        line = ""
        for word in text.split(" "):
            if len(line) + len(word) >= longest:
                yield line
                line = ""
            line = f"{line} {word}".strip()
        yield line


def _sheet(
    title: str,
    rows: Iterable[str],
    words: Iterable[tuple[float, float, float, str]],
    *,
    scale: bool = False,
) -> str:
    lines = [_HEAD, f"  <title>{title}</title>", '  <rect width="210" height="297" fill="#fff"/>']
    if scale:
        lines.append('  <path d="M10 26h50M10 24v4M60 24v4" stroke="#000" stroke-width=".5"/>')
    lines.append('  <g fill="none" stroke="#000" stroke-width=".5">')
    lines += [f"    {row}" for row in rows]
    lines.append("  </g>")
    lines += [
        f'  <text x="{x:g}" y="{y:g}" font-size="{size:g}">{text}</text>'
        for x, y, size, text in words
    ]
    return "\n".join([*lines, "</svg>", ""])
