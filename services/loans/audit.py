"""Goes round all loans, a few hundred at a time: is what is kept of each what its ledger adds up to?"""

import logging
from uuid import UUID

from services.chassis.db import Connection
from services.chassis.telemetry import UNBALANCED

log = logging.getLogger("danvan.loans")
AT_ONCE = 500


class Audit:
    """A chore of the relay's leader. Nothing can commit unbalanced; what changed a table from outside is seen here."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self.at_once = at_once
        self.after = UUID(int=0)
        self.found = 0

    async def __call__(self, conn: Connection) -> None:
        """The next loans; at the end of a round, from the first again."""
        loans = await conn.fetchval(
            "select array_agg(id order by id) from (select id from loan where id > $1 order by id limit $2) as next",
            self.after,
            self.at_once,
        )
        if loans is None:
            UNBALANCED.set(self.found)
            self.after, self.found = UUID(int=0), 0
            return
        self.after = loans[-1]
        wrong = {row["loan"] for row in await conn.fetch("select loan from unbalanced($1)", loans)}
        for loan in wrong:
            log.error("balances differ from the ledger", extra={"loan": str(loan)})
        self.found += len(wrong)
        if wrong:
            UNBALANCED.set(self.found)
