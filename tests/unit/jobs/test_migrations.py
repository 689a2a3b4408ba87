"""Each migration is applied once: none is forgotten in the list, none has two names."""

import pkgutil
from collections import Counter

from jobs.ledger import migrations
from jobs.ledger.migrations.order import LEDGER, STREAMS


def test_every_module_of_a_migration_stands_in_the_order_once():
    modules = [m.name for m in pkgutil.iter_modules(migrations.__path__) if m.name.startswith("m")]
    listed = [module.__name__.rpartition(".")[2] for module in (*LEDGER, *STREAMS)]
    assert Counter(listed) == Counter(modules)
