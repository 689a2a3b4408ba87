"""Which orders have pieces without a place since there is no sound plan of them, by a fault of fabnet's own."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from jobs.ledger.cells import when
from jobs.model import OrderState, ReasonCode

_LINES = f"""
select o.id, o.place, (select max(e.at) from event e where e.order_id = o.id and e.kind = 'left-out')
from orders o where o.state = '{OrderState.CONFIRMED}' and exists (
 select 1 from line l, json_each(case when json_valid(l.reasons) then l.reasons else '[]' end) why
 where l.order_id = o.id and l.deficit > 0
 and json_extract(why.value, '$.code') = '{ReasonCode.UNSOUND}')
order by o.id
"""


def orders(db: sqlite3.Connection) -> Mapping[str, tuple[str, datetime | None]]:
    """Return them by order, each with its place and since when."""
    return MappingProxyType({row[0]: (row[1], when(row[2])) for row in db.execute(_LINES)})
