"""What a steward adds to a request, as a form: the hospital's own numbers, whom to call else, what is left."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from jobs.model import MOST_KITS
from jobs.order_facts import is_finess
from web.forms import Form
from web.language import Lazy, lazy_gettext
from web.language import gettext as _

#: What they are called on the steward's page.
LABELS: Mapping[str, Lazy] = MappingProxyType(
    {
        "reference_externe": lazy_gettext("Their purchase order"),
        "finess": lazy_gettext("FINESS"),
        "adresse": lazy_gettext("Address"),
        "code_postal": lazy_gettext("Postcode"),
        "ville": lazy_gettext("Town"),
        "contact_secours": lazy_gettext("Whom to call else"),
        "stock_jours": lazy_gettext("Days that their stock lasts"),
        "quantite_minimale": lazy_gettext("At least so many"),
    }
)
_MOST_TEXT = 200
_MOST_DAYS = 3650


def facts_from(form: Form) -> dict[str, str]:
    """Read what was filled in; use it only if the form is good."""
    facts = {name: form.text(name, _MOST_TEXT, needed=False) for name in LABELS}
    facts["finess"] = "".join(facts["finess"].split()).upper()
    if facts["finess"] and not is_finess(facts["finess"]):
        form.wrong("finess", _("It is nine letters long: digits, in Corsica 2A or 2B before them."))
    for name, least, most in (("stock_jours", 0, _MOST_DAYS), ("quantite_minimale", 1, MOST_KITS)):
        if facts[name]:
            facts[name] = str(form.whole(name, least, most))
    return facts
