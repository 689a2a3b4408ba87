"""Sheets of A4 or A6 in black on white, for names in any script. The one module that knows fpdf2.

Fonts are Debian's own: DejaVu, with Noto for what DejaVu has not. Without DejaVu the sheet is set in
the font that every reader of PDF has, and a letter which that has not is a question mark. Leaves what
stands on a sheet to the modules above.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Literal

import segno
from fontTools.ttLib import TTFont
from fpdf import FPDF
from fpdf.enums import MethodReturnValue, TableBordersLayout, XPos, YPos

MARGIN_MM = 15.0
WIDTH_MM = 210.0 - 2 * MARGIN_MM
SMALL_MARGIN_MM = 6.0
SMALL_WIDTH_MM = 105.0 - 2 * SMALL_MARGIN_MM
_FONTS = Path("/usr/share/fonts/truetype")
_PLAIN, _BOLD = _FONTS / "dejavu/DejaVuSans.ttf", _FONTS / "dejavu/DejaVuSans-Bold.ttf"
#: Asked in turn for letters that DejaVu has not.
_OTHERS = (
    *(
        _FONTS / f"noto/NotoSans{script}-Regular.ttf"
        for script in ("Devanagari", "Bengali", "Tamil", "Telugu", "Thai", "Khmer", "Ethiopic", "Myanmar")
    ),
    Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"),
    _FONTS / "droid/DroidSansFallbackFull.ttf",
)  # fmt: skip
#: What joins letters, or keeps them apart.
_JOINERS = "\n\u200c\u200d"
#: The first letter of the scripts whose letters change beside one another, or run to the left.
_SHAPED = 0x590
#: A letter that no font here has: something is missing, and it shows.
_NO_LETTER = "□"
_POINT_MM = 0.3528
#: Of the foot, before the number of the page.
_FOOT_MM = WIDTH_MM * 0.9
_LEADING = 1.25


class Sheet:
    """One document of A4 pages with numbers at their feet.

    Args:
        title: of the document.
        name: whose document it is; stands with the title at the foot of each page, before its number.
        said: all that will be written; tells which fonts are needed.
        at: when it is made, aware.
        small: on A6, without a foot.
    """

    def __init__(
        self, title: str, name: str, said: str, at: datetime, *, small: bool = False
    ) -> None:
        self._pdf = _Pages(
            (105.0, 148.0) if small else (210.0, 297.0), SMALL_MARGIN_MM if small else MARGIN_MM
        )
        self._margin_mm = SMALL_MARGIN_MM if small else MARGIN_MM
        self._wide_mm = SMALL_WIDTH_MM if small else WIDTH_MM
        self._core = not (_PLAIN.is_file() and _BOLD.is_file())
        self._unknown: dict[int, str] = {}
        if not self._core:
            self._pdf.add_font("body", "", _PLAIN)
            self._pdf.add_font("body", "B", _BOLD)
            others, lacking = _fonts_for(said)
            self._unknown = dict.fromkeys(lacking, _NO_LETTER)
            for path in others:
                self._pdf.add_font(path.stem, "", path)
            self._pdf.set_fallback_fonts([path.stem for path in others], exact_match=False)
            # It takes time, and the scripts before Hebrew are set letter by letter.
            self._pdf.set_text_shaping(any(ord(letter) >= _SHAPED for letter in said))
        self._pdf.face = "helvetica" if self._core else "body"
        self._pdf.foot = (self._written(name), self._written(title))
        self._pdf.set_title(self._written(title))
        self._pdf.set_creation_date(at)
        self._pdf.add_page()

    def _written(self, text: str) -> str:
        """Return what can be written of a text, without what would not be seen."""
        text = "".join(filter(_is_seen, text))
        text = text.translate(self._unknown)
        return text.encode("cp1252", "replace").decode("cp1252") if self._core else text

    @property
    def y_mm(self) -> float:
        """Where the next line begins, from the top."""
        return self._pdf.get_y()

    @y_mm.setter
    def y_mm(self, value: float) -> None:
        self._pdf.set_y(value)

    def text(
        self,
        words: str,
        size_pt: float = 9,
        *,
        bold: bool = False,
        x_mm: float = 0.0,
        width_mm: float | None = None,
        align: Literal["L", "R", "C"] = "L",
    ) -> None:
        """Write a paragraph at `x_mm` from the margin, and go on below it."""
        self._pdf.set_font(self._pdf.face, "B" if bold else "", size_pt)
        self._pdf.set_x(self._margin_mm + x_mm)
        self._pdf.multi_cell(
            self._wide_mm if width_mm is None else width_mm, size_pt * _POINT_MM * _LEADING,
            self._written(words), align=align, new_x=XPos.LMARGIN, new_y=YPos.NEXT,
        )  # fmt: skip

    def gap(self, mm: float) -> None:
        """Leave room."""
        self._pdf.set_y(self._pdf.get_y() + mm)

    def line(self, *, thick: bool = False) -> None:
        """Draw a line from margin to margin."""
        self._pdf.set_line_width(0.4 if thick else 0.15)
        y_mm = self._pdf.get_y()
        self._pdf.line(self._margin_mm, y_mm, self._margin_mm + self._wide_mm, y_mm)

    def box(self, x_mm: float, width_mm: float, height_mm: float) -> None:
        """Draw an empty frame that begins at the next line, and stay there."""
        self._pdf.set_line_width(0.2)
        self._pdf.rect(self._margin_mm + x_mm, self._pdf.get_y(), width_mm, height_mm)

    def table(
        self,
        heads: Iterable[str],
        rows: Iterable[Iterable[str]],
        widths_mm: tuple[float, ...],
        right: frozenset[int] = frozenset(),
        size_pt: float = 8,
    ) -> None:
        """Write a table; its heads stand on every page that it takes. `right`: columns of numbers."""
        self._pdf.set_font(self._pdf.face, "", size_pt)
        self._pdf.set_line_width(0.15)
        aligns = tuple("RIGHT" if column in right else "LEFT" for column in range(len(widths_mm)))
        with self._pdf.table(
            col_widths=widths_mm,
            width=sum(widths_mm),
            align="LEFT",
            text_align=aligns,
            line_height=size_pt * _POINT_MM * _LEADING,
            padding=(0.7, 1.2, 0.7, 1.2),
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
        ) as table:
            for cells in (heads, *rows):
                row = table.row()
                for cell in cells:
                    row.cell(self._written(cell))

    def qr(self, url: str, x_mm: float, size_mm: float) -> None:
        """Draw a QR code that begins at the next line, and stay there."""
        code = segno.make(url, error="q", micro=False, boost_error=False)
        rows = [bytes(row) for row in code.matrix_iter(border=4)]
        step_mm = size_mm / len(rows)
        top_mm = self._pdf.get_y()
        self._pdf.set_fill_color(0)
        for down, row in enumerate(rows):
            start = 0
            for across in range(len(row) + 1):
                if across < len(row) and row[across]:
                    continue
                if across > start:
                    self._pdf.rect(
                        self._margin_mm + x_mm + start * step_mm, top_mm + down * step_mm,
                        (across - start) * step_mm, step_mm * 1.01, style="F",
                    )  # fmt: skip
                start = across + 1

    def link(self, url: str, x_mm: float, width_mm: float, height_mm: float) -> None:
        """Make a place of the page, from the next line on, lead to an address."""
        self._pdf.link(self._margin_mm + x_mm, self._pdf.get_y(), width_mm, height_mm, url)

    @contextmanager
    def together(self, height_mm: float) -> Iterator[None]:
        """Begin a new page first where less than this is left."""
        if self._pdf.will_page_break(height_mm):
            self._pdf.add_page()
        yield

    def height_mm(self, words: str, size_pt: float, width_mm: float) -> float:
        """Return how high a paragraph would be."""
        self._pdf.set_font(self._pdf.face, "", size_pt)
        lines = self._pdf.multi_cell(
            width_mm, 1, self._written(words), dry_run=True, output=MethodReturnValue.LINES
        )
        if not isinstance(lines, list):  # what fpdf2 answers depends on what it was asked
            raise TypeError(f"fpdf2 answered {type(lines).__name__} where lines were asked for")
        return len(lines) * size_pt * _POINT_MM * _LEADING

    def file(self) -> bytes:
        """Return the PDF."""
        return bytes(self._pdf.output())


class _Pages(FPDF):
    """Pages with a foot."""

    face = "helvetica"

    def __init__(self, size: tuple[float, float], margin_mm: float) -> None:
        super().__init__(orientation="portrait", unit="mm", format=size)
        self._has_foot = margin_mm == MARGIN_MM
        self.foot = ("", "")
        self.core_fonts_encoding = "cp1252"
        self.set_margins(margin_mm, margin_mm, margin_mm)
        self.set_auto_page_break(self._has_foot, margin_mm + 4)
        self.alias_nb_pages("{n}")

    def footer(self) -> None:
        """Write the foot; fpdf2 calls it."""
        if not self._has_foot:
            return
        self.set_y(-MARGIN_MM + 2)
        self.set_font(self.face, "", 7.5)
        # Of a long name its beginning; the rest of the foot is what the page is known by.
        name, rest = self.foot
        while name and self.get_string_width(f"{name} · {rest}") > _FOOT_MM - 2:
            name = name[:-2].rstrip() + "…" if len(name) > 2 else ""  # noqa: PLR2004 - a letter and dots
        self.cell(_FOOT_MM, 4, f"{name} · {rest}")
        self.cell(WIDTH_MM - _FOOT_MM, 4, f"{self.page_no()}/{{n}}", align="R")


def _fonts_for(said: str) -> tuple[list[Path], set[int]]:
    """Return the fonts beyond DejaVu that a text needs, and the letters that none here has."""
    missing = {ord(letter) for letter in said if _is_seen(letter)} - _letters(_PLAIN) - {10}
    found = []
    for path in _OTHERS:
        if not missing:
            break
        if path.is_file() and (has := missing & _letters(path)):
            found.append(path)
            missing -= has
    return found, missing


def _is_seen(letter: str) -> bool:
    """Whether a letter belongs on paper: not what steers terminals, or turns what comes after it."""
    return letter in _JOINERS or unicodedata.category(letter) not in ("Cc", "Cf", "Cs")


@functools.cache
def _letters(path: Path) -> frozenset[int]:
    with TTFont(path, fontNumber=0, lazy=True) as font:
        return frozenset(font.getBestCmap())
