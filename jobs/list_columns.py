"""By which names hospitals call the columns of their lists, in French and in English. Data alone."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from jobs.habits import heading

#: The columns of the template, and the other names by which each is known.
COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "etablissement": (
            "hopital", "place", "hospital", "facility", "site", "lieu", "structure", "clinique",
            "etablissement de sante", "nom de l etablissement", "nom etablissement", "ehpad",
            "etablissement demandeur", "etablissement service", "etab", "etabl", "ets", "hop",
        ),
        "service": (
            "ward", "unite", "department", "pole", "unite de soins", "service demandeur",
            "nom du service", "serv", "uf", "unite fonctionnelle",
        ),
        "contact": (
            "nom", "demandeur", "requester", "name", "nom du contact", "nom contact",
            "personne a contacter", "responsable", "referent", "nom prenom", "nom et prenom",
            "nom du demandeur", "contact nom", "interlocuteur", "cadre", "cadre de sante",
            "nom du cadre", "cadre du service", "nom du responsable", "nom du referent",
        ),
        "telephone": (
            "tel", "phone", "n tel", "no tel", "numero de telephone", "n de telephone", "portable",
            "mobile", "telephone portable", "telephone du contact", "tel contact", "contact tel",
            "contact telephone", "tel portable",
        ),
        "email": (
            "mail", "e mail", "courriel", "adresse mail", "adresse e mail", "adresse email", "mel",
            "contact mail", "contact email", "email du contact", "mail contact",
        ),
        "article": (
            "modele", "what", "item", "design", "produit", "designation", "materiel",
            "materiel demande", "type", "type de materiel", "libelle", "libelle article",
            "article demande", "nom de l article",
        ),
        "quantite": (
            "quantity", "qte", "nombre", "kits", "how many", "quantite demandee", "qte demandee",
            "quantite souhaitee", "qte souhaitee", "nb", "nbre", "nombre de pieces", "qty",
            "quantite commandee", "besoin quantite", "nb pieces",
        ),
        "date_besoin": (
            "date", "due", "echeance", "by when", "pour le", "date souhaitee", "date de besoin",
            "date du besoin", "date limite", "date de livraison", "date de livraison souhaitee",
            "livraison souhaitee", "date livraison", "besoin pour le", "deadline", "besoin date",
            "date livraison souhaitee", "due date", "date souhaitee de livraison", "delai",
            "delai souhaite", "delai de livraison", "pour quand", "date butoir", "date max",
        ),
        "reference_externe": (
            "reference", "numero de commande", "bon de commande", "purchase order", "n commande",
            "ref", "n de commande", "n bon de commande", "numero bon de commande", "no commande",
        ),
        "finess": ("n finess", "numero finess", "code finess"),
        "adresse": ("address", "adresse de livraison", "rue", "adresse postale"),
        "code_postal": ("cp", "postcode", "zip", "code post"),
        "ville": ("city", "town", "commune"),
        "contact_secours": (
            "contact de secours", "second contact", "autre contact", "contact 2", "suppleant",
            "backup contact", "back up contact",
        ),
        "stock_jours": ("stock", "days left", "jours de stock"),
        "quantite_minimale": ("minimum", "quantite min", "qte min"),
        "consignes": (
            "note", "remarque", "remarks", "commentaire", "comment", "remarques", "commentaires",
            "observations", "observation", "divers", "precisions",
        ),
    }
)  # fmt: skip
#: Words that say by themselves what a column is for, where its whole name is not known.
LOOSE: Mapping[str, str] = MappingProxyType(
    {
        word: column
        for column, words in {
            "etablissement": "etablissement hopital hospital clinique ehpad",
            "telephone": "telephone tel phone portable",
            "email": "mail email courriel",
            "quantite": "quantite qte quantity qty nombre nbre nb besoin besoins",
            "date_besoin": "date echeance deadline needed required",
            "article": "article produit designation modele type product item",
            "service": "service ward department",
            "contact": "contact demandeur referent referente responsable interlocuteur requester cadre",
            "finess": "finess",
            "code_postal": "postal",
            "adresse": "adresse",
        }.items()
        for word in words.split()
    }
)
#: A line as a hospital would fill it in, but for the design.
EXAMPLE: Mapping[str, str] = MappingProxyType(
    {
        "etablissement": "CHU de Nantes",
        "service": "Urgences",
        "contact": "Ada Martin",
        "telephone": "02 40 00 00 00",
        "quantite": "400",
        "date_besoin": "31/12/2026",
        "finess": "440000289",
        "code_postal": "44000",
        "ville": "Nantes",
    }
)

#: What the column is called in which we say what is wrong with a line: sent again, it is for nobody.
WRONG: Final = frozenset({"what is wrong", "ce qui ne va pas"})

#: The column by what `jobs.habits.heading` makes of each of its names.
NAMES: Mapping[str, str] = MappingProxyType(
    {heading(name): column for column, others in COLUMNS.items() for name in (column, *others)}
)
