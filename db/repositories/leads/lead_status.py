"""Which leads are open, for SQL: those that say so and are not labelled, or whose source itself calls them open.

Rows that were stored before labels closed leads say `open` beside a label. `db.merging.effective_status` is the same
rule for a row that was read.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, case, or_

from db.models import Lead
from db.repositories.sql import table_of

_LEAD = table_of(Lead).c
_OWN_STATUS = _LEAD.fields["opportunity_status"].as_string()

#: whether a lead is open
IS_OPEN: ColumnElement[bool] = and_(_LEAD.status == "open", or_(_LEAD.label.is_(None), _OWN_STATUS == "open"))
#: open, won, lost, abandoned or archived
STATUS: ColumnElement[str] = case(
    (or_(_LEAD.status != "open", IS_OPEN), _LEAD.status), (_LEAD.label.is_(True), "won"), else_="lost"
)
