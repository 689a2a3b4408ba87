"""How hospitals write their lists: where the header is, what days and numbers look like, what is no line. Pure.

Leaves what a line asks for to `jobs.intake`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final

#: Title lines, logos and addresses stand above a header: so many filled lines at most.
_MOST_ABOVE: Final = 20
#: A day without a year that passed so long ago is one of next year.
_PASSED: Final = timedelta(days=60)
#: Days since this one are how a spreadsheet keeps a day; five digits are 2009 to 2064.
_SPREADSHEET_ZERO: Final = date(1899, 12, 30)
_SERIAL = re.compile(r"([4-5]\d{4})(?:[.,]\d+)?")
_MONTHS: Final = (
    ("janvier", "january"), ("fevrier", "february"), ("mars", "march"), ("avril", "april"),
    ("mai", "may"), ("juin", "june"), ("juillet", "july"), ("aout", "august"),
    ("septembre", "september"), ("octobre", "october"), ("novembre", "november"),
    ("decembre", "december"),
)  # fmt: skip
_CLOCK = r"(?:(?:[ t]| a | at )\d{1,2}(?:h|[:h]\d{2}(?::\d{2})?(?:\.\d+)?(?:z|[+-]\d{2}:?\d{2})?))?"
_NUMBERS = (
    re.compile(rf"(?P<y>\d{{4}})[-/.](?P<m>\d{{1,2}})[-/.](?P<d>\d{{1,2}}){_CLOCK}"),
    re.compile(rf"(?P<d>\d{{1,2}})[/.\- ](?P<m>\d{{1,2}})[/.\- ](?P<y>\d{{4}}|\d{{2}}){_CLOCK}"),
    re.compile(r"(?P<y>20\d{2})(?P<m>\d{2})(?P<d>\d{2})"),
    re.compile(r"(?P<d>\d{1,2})[/.](?P<m>\d{1,2})(?P<y>)"),
)
_WORDS = re.compile(
    r"(?P<d>\d{1,2})(?:er|st|nd|rd|th)?[ ./-]+(?P<m>[a-z]{3,9})\.?(?:[ ./-]+(?P<y>\d{4}|\d{2}))?"
    + _CLOCK
)
_MONTH_FIRST = re.compile(r"(?P<m>[a-z]{3,9})\.? (?P<d>\d{1,2})(?:st|nd|rd|th)?,? (?P<y>\d{4})")
#: What people write before a day.
_BEFORE = re.compile(
    r"^(?:(?:le|au|pour|avant|d'ici|jusqu'au|au plus tard|by|before|on|the"
    r"|(?:lun|mar|mer|jeu|ven|sam|dim)[a-z]*\.?|(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?),? +)+"
)
#: What people write after a day.
_AFTER = re.compile(
    r",? +(?:au plus tard|dernier delai|imperatif|imperativement|maximum|max\.?|at the latest"
    r"|(?:le )?(?:matin|midi|soir)|apres[ -]midi|avant (?:midi|\d{1,2} ?h(?:\d{2})?))$"
)
#: What people write in brackets behind a number or a day; another number there is a doubt.
_REMARK = re.compile(r" *\([^()\d]*\)$")
#: What people write after a number.
_UNITS = re.compile(
    r"(?<=\d)(?:pieces?|pcs?|pces?|p|unites?|units?|u|exemplaires?|ex|kits?|visieres?|masques?|x"
    r"|serre-?tetes?|protege-?oreilles?|crochets?|attaches?|feuilles?|pochettes?)\.?$"
)
#: What people write around a number that is none too exact.
_ABOUT = re.compile(
    r"^(?:environ|env\.?|about|approx\.?|ca\.?|~|≈|x|aumoins|min(?:imum|i)?\.?:?|max(?:imum)?\.?:?"
    r"|qte:?|quantite:?)|(?<=\d)(?:environ|env\.?|max(?:imum)?\.?|min(?:imum|i)?\.?|aumoins)$"
)
#: More than a piece: how many are in one, only the hospital knows.
_PACKS = re.compile(
    r"(?:\b|(?<=\d))(?:boites?|btes?|bts?|cartons?|ctns?|lots?|paquets?|pqts?|sachets?|colis|palettes?|rouleaux?|rlx"
    r"|paires?|douzaines?|dz|centaines?|milliers?|conditionnements?|cdts?|blisters?|barquettes?|etuis?|boxes|box"
    r"|packs?|bags?|cases?|dozens?|pairs?|hundreds?|thousands?)(?:\b|(?=\d))"
)
#: In place of a number: nothing is asked for.
_NOTHING = frozenset(
    {"0", "-", "--", "–", "—", "/", "neant", "ras", "aucun", "aucune", "non", "none"}
)
#: As in the line above.
_DITTO = frozenset({'"', "''", "″", "〃", "»", "idem", "id", "id.", "ditto", '-"-', '- " -'})
#: From the first digit to the last, with the signs that stand between digits.
_DIGITS = re.compile(r"\d(?:[\d\s'\u2019.,]*\d)?")
#: The names of the days of the week, Monday first, in front of a number.
_WEEKDAYS: Final = (
    r"lun(?:di)?|mon(?:day)?", r"mar(?:di)?|tue(?:s|sday)?", r"mer(?:credi)?|wed(?:nesday)?",
    r"jeu(?:di)?|thu(?:rs|rsday)?", r"ven(?:dredi)?|fri(?:day)?", r"sam(?:edi)?|sat(?:urday)?",
    r"dim(?:anche)?|sun(?:day)?",
)  # fmt: skip
#: Words of columns that sound like ours and are about something else: when it was asked, what is left.
OTHER: Final = frozenset(
    "demande saisie creation envoi reception validation livre livree livres livrees recu recue recus"  # noqa: SIM905
    " recues stock reste restant restante min mini minimum minimale prix unitaire ordered received"
    " delivered created left price semaine jour mois mensuel mensuelle hebdomadaire quotidien quotidienne"
    " consommation week weekly daily monthly annuel annuelle lits agents patients soignants beds".split()
)
#: Names of a column that says how far a line is.
STATES: Final = frozenset(
    ("etat", "statut", "status", "suivi", "avancement", "etat de la demande", "statut de la demande",
     "etat commande", "etat de la commande", "statut commande", "statut de la commande")
)  # fmt: skip
_OVER: Final = frozenset(
    "livre livree livres livrees recu recue recus recues annule annulee annules annulees cloture"  # noqa: SIM905
    " cloturee clos close solde soldee termine terminee refuse refusee abandonne abandonnee"
    " delivered received cancelled canceled closed done".split()
)
_CALLED_OFF: Final = frozenset(
    ("ne pas livrer", "ne plus livrer", "ne pas commander", "annulation", "doublon", "deja livre",
     "plus besoin", "do not deliver", "not needed", "no longer needed", "duplicate")
)  # fmt: skip
_NOT: Final = frozenset("non pas not partiel partielle partiellement partly reste".split())  # noqa: SIM905
#: A name of more words is a sentence.
_MOST_WORDS: Final = 6
#: Between the names of a column in two languages, or of two things in one.
_BETWEEN = re.compile(r"[/|\n;–—]| - | ou | or | et | and ")
#: A cell that says nothing else marks a sum whatever stands beside it.
_ALONE = re.compile(r"(?:sous[ -]?|grand )?(?:total|totaux|somme|cumul)(?: general| generaux)? ?:?")
_TOTAL = re.compile(r"^(?:sous[ -]?)?(?:total|totaux|somme|cumul|sum|grand total)\b")


def plain(text: str) -> str:
    """Return small letters without accents, with single spaces; "_" is a space."""
    bare = unicodedata.normalize("NFKD", text.replace("_", " ").replace("’", "'"))
    return " ".join("".join(c for c in bare if not unicodedata.combining(c)).casefold().split())


def heading(text: str) -> str:
    """Return the name of a column without accents and marks; what stands in brackets is left out."""
    return " ".join(re.findall(r"[a-z0-9]+", re.sub(r"\(.*?\)|\[.*?\]", " ", plain(text))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Where the names of the columns stand, and which column is which."""

    first: int  # index of the first row that belongs to it
    last: int  # of the last one: a header may be in two rows
    names: tuple[str, ...]
    columns: tuple[str, ...]  # "" where a name is not known


def find_header(
    rows: Sequence[tuple[str, ...]], known: Mapping[str, str], loose: Mapping[str, str]
) -> Header:
    """Return the row, or the two, that name most columns; the first row where none names any.

    Args:
        rows: filled rows from the top of the sheet; at least one.
        known: column by what `heading` makes of its name.
        loose: column by one word that stands in a name which is not known.
    """
    best = _header(0, (rows[0],), known, loose)
    for more in (1, 2):
        for index in range(min(len(rows), _MOST_ABOVE)):
            found = _header(index, rows[index : index + more], known, loose)
            if _score(found) > _score(best):
                best = found
    return best


def _header(
    first: int,
    rows: Sequence[tuple[str, ...]],
    known: Mapping[str, str],
    loose: Mapping[str, str],
) -> Header:
    width = max(map(len, rows))
    names, columns = [], []
    for place in range(width):
        parts = [row[place] if place < len(row) else "" for row in rows]
        tries = (" ".join(parts), *reversed(parts))
        names.append(next(filter(None, reversed(parts)), ""))
        columns.append(next(filter(None, (_column(each, known) for each in tries)), ""))
    taken = set(columns)
    for place, name in enumerate(names):
        guess = "" if columns[place] else _guess(name, loose)
        if guess and (guess not in taken or _counts_again(guess, name)):
            columns[place] = guess
            taken.add(guess)
    return Header(
        first=first, last=first + len(rows) - 1, names=tuple(names), columns=tuple(columns)
    )


def _counts_again(column: str, name: str) -> bool:
    """Return whether a column says once more how many: which of the two holds, a person must say."""
    words = set(heading(name).split())
    return column == "quantite" and bool(words & {"quantite", "qte", "quantity", "qty"})


def _guess(name: str, loose: Mapping[str, str]) -> str:
    """Return what a name of several words is for, by one of them that says it."""
    words = heading(name).split()
    if len(words) > _MOST_WORDS or OTHER & set(words):
        return ""
    return next((loose[word] for word in words if word in loose), "")


def _column(name: str, known: Mapping[str, str]) -> str:
    """Return the column that a name is for, said in one language or in two."""
    if (found := known.get(heading(name), "")) or not name:
        return found
    parts = [each for each in _BETWEEN.split(name) if heading(each)]
    meant = [known.get(heading(each), "") for each in parts]
    return meant[0] if len(parts) > 1 and all(meant) else ""


def _score(found: Header) -> int:
    return len({column for column in found.columns if column})


def above(rows: Sequence[tuple[str, ...]], known: Mapping[str, str]) -> dict[str, str]:
    """Return what stands above a header for all lines: `Établissement : CHU de Nantes`, in one cell or two."""
    found: dict[str, str] = {}
    for row in rows:
        cells = [cell for cell in row if cell]
        for place, cell in enumerate(cells):
            name, colon, value = (each.strip() for each in cell.partition(":"))
            if colon and not value and place + 1 < len(cells):
                value = cells[place + 1]
            elif not colon and len(cells) == 2 and place == 0:  # noqa: PLR2004 - a name and a value
                value = cells[1]
            column = _column(name, known)
            if column and value and not value.endswith(":"):
                boxes = pack_in(name) if column == "quantite" else ""
                found.setdefault(column, f"{value} ({boxes})" if boxes else value)
    return found


def is_total(cells: Sequence[str]) -> bool:
    """Return whether a row sums up the others: it says so in its first words, or is a number alone."""
    filled = [cell for cell in cells if cell]
    if filled and all(cell.startswith("=") for cell in filled):
        return True
    if any(_ALONE.fullmatch(plain(cell)) for cell in filled):
        return True
    if any(map(sums_up, filled[:2])):
        return len(filled) <= 3  # noqa: PLR2004 - its word, and a sum or two
    return len(filled) <= 2 and all(whole(cell) is not None for cell in filled)  # noqa: PLR2004


def sums_up(text: str) -> bool:
    """Return whether a text is what stands before a sum."""
    return bool(_TOTAL.match(plain(text)))


def is_over(text: str) -> bool:
    """Return whether a state says that nothing is to be made any more: delivered, cancelled, closed."""
    return bool(_OVER & set(heading(text).split())) and not _NOT & set(heading(text).split())


def is_called_off(remark: str) -> bool:
    """Return whether a remark says nothing but that a line no longer holds: "annulé", "ne pas livrer"."""
    words = heading(remark)
    return words in _CALLED_OFF or (is_over(remark) and len(words.split()) <= 2)  # noqa: PLR2004


def which_number(text: str) -> bool:
    """Return whether a number is a thousand in English and one in French: "1,000"."""
    return bool(re.fullmatch(r"[1-9]\d{0,2}(,\d{3})+", _bare(text)))


def whole(text: str) -> Decimal | None:
    """Return a number as French spreadsheets write it; None where it is none, or may be two.

    "1 200", "1.200" and "1'200" are twelve hundred, "12,5" is twelve and a half, "400 pcs" is 400.
    """
    bare = _bare(text)
    if two_numbers(text):
        return None
    if re.fullmatch(r"[1-9]\d{0,2}(\.\d{3})+(,\d+)?", bare):
        bare = bare.replace(".", "")
    elif re.fullmatch(r"[1-9]\d{0,2}(,\d{3})+\.\d+", bare):
        bare = bare.replace(",", "")
    if "e" in bare:  # 1,2E+05 has lost its last digits
        return None
    try:
        number = Decimal(bare.replace(",", "."))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def two_numbers(text: str) -> bool:
    """Return whether what stands between the digits cuts no thousands: "12 50", or a line each."""
    run = _DIGITS.search(text)
    if run is None or not re.search(r"[\s'\u2019]", run[0]):
        return False
    cut = re.fullmatch(r"\d{1,3}(?:[^\S\r\n]\d{3}|['\u2019]\d{3})+(?:[.,]\d+)?", run[0])
    return cut is None


def _bare(text: str) -> str:
    """Return a number without what people write around it."""
    told = plain(text)
    bare = re.sub(r"[\s\u2019']", "", told if in_packs(told) else _REMARK.sub("", told))
    return _UNITS.sub("", _ABOUT.sub("", bare))


def in_packs(text: str) -> bool:
    """Return whether a quantity counts boxes, which may hold any number of pieces."""
    return pack_in(text) != ""


def pack_in(text: str) -> str:
    """Return the word for boxes in a text; "" where there is none."""
    found = _PACKS.search(plain(text))
    return found[0] if found else ""


def is_nothing(text: str) -> bool:
    """Return whether it says in place of a quantity that nothing is asked for."""
    return plain(text) in _NOTHING or whole(text) == 0


def is_ditto(text: str) -> bool:
    """Return whether a cell says: as above."""
    return plain(text) in _DITTO


def day(text: str, today: date) -> date | None:
    """Read a day as people write it; the day comes before the month. None where it is none.

    "01/12/2026", "1.12.26", "2026-12-01", "1er décembre 2026", "12 avril", "12-avr-20", "46357" (as a
    spreadsheet counts). Without a year it is the next such day, or one that has just passed.
    """
    bare = _AFTER.sub("", _REMARK.sub("", plain(text)))
    bare = re.sub(r"[\u2010-\u2015\u2212]", "-", bare).replace("\u2215", "/")
    bare = re.sub(r" ?([/.-]) ?", r"\1", _BEFORE.sub("", bare)).rstrip(".")
    if serial := _SERIAL.fullmatch(bare):
        return _SPREADSHEET_ZERO + timedelta(days=int(serial[1]))
    for form in _NUMBERS:
        match = form.fullmatch(bare)
        if match:
            return _date(match["y"], int(match["m"]), int(match["d"]), today)
    match = _WORDS.fullmatch(bare) or _MONTH_FIRST.fullmatch(bare)
    if match is None:
        return None
    months = [
        number
        for number, names in enumerate(_MONTHS, 1)
        if any(name.startswith(match["m"]) or match["m"] == f"{name[:4]}" for name in names)
    ]
    return _date(match["y"] or "", months[0], int(match["d"]), today) if len(months) == 1 else None


def day_or_number(text: str) -> bool:
    """Return whether a cell holds a number, or a day in numbers: no name of a column does."""
    return whole(text) is not None or bool(re.fullmatch(r"\d[\d/.\- :]*\d", text.strip()))


def weekday(text: str) -> int | None:
    """Return which day of the week stands before a day, Monday 0; None where none does."""
    for number, names in enumerate(_WEEKDAYS):
        if re.search(rf"(?:^|\s)(?:{names})\.?,? +(?:le +|the +)?(?=\d)", plain(text)):
            return number
    return None


def _date(year: str, month: int, day_of: int, today: date) -> date | None:
    try:
        if year:
            return date(int(year) + (2000 if len(year) == 2 else 0), month, day_of)  # noqa: PLR2004
        for guess in (today.year - 1, today.year, today.year + 1):
            found = date(guess, month, day_of)
            if found >= today - _PASSED:
                return found
    except ValueError:
        return None
    return None
