"""What a licence allows, in a plain sentence. No advice on law: the licence's own text holds."""

from __future__ import annotations

import re

from web.language import gettext as _

_FREE = frozenset({"CC0-1.0", "Unlicense", "0BSD", "WTFPL"})
_SAME = re.compile(
    r"(CERN-OHL-[SW]|CERN-OHL-1\.[12]|A?GPL|LGPL|TAPR-OHL|CC-BY-SA|SHL|MPL)-?", re.IGNORECASE
)
_NAMED = re.compile(r"(CERN-OHL-P|MIT|Apache|BSD|CC-BY-[1-4]|ISC|Zlib)", re.IGNORECASE)


def plain(spdx: str) -> str:
    """Return what anybody may do with a design under a licence, by its SPDX name.

    Of an expression of several, and of one that is not known, says to read it.
    """
    if re.search(r" (AND|OR|WITH) ", spdx):
        return _("Several licences hold for it: read them before you make it.")
    if spdx.startswith("CC-BY-NC"):
        return " ".join(_non_commercial(spdx))
    if spdx.startswith("CC-BY-ND"):
        return _(
            "Anyone may make, give and sell it as it is, and names its author; nobody may change it."
        )
    if spdx in _FREE:
        return _("Anyone may make, change, give and sell it.")
    if _SAME.match(spdx):
        return _(
            "Anyone may make, change, give and sell it; who passes on a changed one does so under the"
            " same licence, with its sources."
        )
    if _NAMED.match(spdx):
        return _(
            "Anyone may make, change, give and sell it, and keeps its author’s name and licence with it."
        )
    return _("We do not know this licence: read it before you make the design.")


def not_for_sale(spdx: str) -> bool:
    """Return whether no licence of an SPDX expression lets anybody sell what is made."""
    return all("-NC" in each or "Noncommercial" in each for each in spdx.split(" OR "))


def _non_commercial(spdx: str) -> list[str]:
    said = [_("It may be made and given away, and its author is named; nobody may sell it.")]
    if "-ND" in spdx:
        said.append(_("Nobody may pass on a changed one."))
    elif "-SA" in spdx:
        said.append(_("A changed one is passed on under the same licence."))
    return said
