"""The loans service: a supervision mirror of the bank's entrusted lending."""

from pathlib import Path

from contracts.catalog import EVENTS
from services.chassis import delivery, relay
from services.chassis.app import Service
from services.chassis.feed import feed_router
from services.chassis.parked import parked_router
from services.chassis.webhooks import webhook_router
from services.loans import follower
from services.loans.applications import api as applications
from services.loans.audit import Audit
from services.loans.borrowers import api as borrowers
from services.loans.checks import api as checks
from services.loans.corrections import api as corrections
from services.loans.entries import api as entries
from services.loans.groups import api as groups
from services.loans.loans import api as loans
from services.loans.memberships import api as memberships
from services.loans.portfolio import api as portfolio
from services.loans.postings import api as postings
from services.loans.programmes import api as programmes
from services.loans.proposals import api as proposals
from services.loans.receipts import api as receipts
from services.loans.reorganisations.commands import apply
from services.loans.reorganisations.course import read
from services.loans.savings import api as savings
from services.loans.statements import api as statements
from services.loans.steps import api as steps

SERVICE = Service(
    name="loans",
    routers=[
        *(programmes.router, borrowers.router, applications.router, steps.of_application),
        *(loans.router, postings.of_loan, entries.router, entries.of_loan, checks.router),
        *(groups.router, memberships.of_group, proposals.of_group, savings.router, savings.of_group),
        *(statements.router, corrections.router, receipts.router, portfolio.router),
        *(feed_router("loans"), webhook_router("loans"), parked_router("loans", read, EVENTS, apply)),
    ],
    migrations=Path(__file__).parent / "migrations",
    uploads=[statements.PATH],
    processes={
        "relay": lambda settings: relay.run(settings, "loans", Audit()),
        "follower": follower.run,
        "webhooks": lambda settings: delivery.run(settings, "loans"),
    },
)

if __name__ == "__main__":
    SERVICE.main()
