"""The loans service: a supervision mirror of the bank's entrusted lending."""

from pathlib import Path

from services.chassis import delivery, relay
from services.chassis.app import Service
from services.chassis.feed import feed_router
from services.chassis.webhooks import webhook_router
from services.loans.borrowers import api as borrowers
from services.loans.loans import api as loans
from services.loans.programmes import api as programmes

SERVICE = Service(
    name="loans",
    routers=[programmes.router, borrowers.router, loans.router, feed_router("loans"), webhook_router("loans")],
    migrations=Path(__file__).parent / "migrations",
    processes={
        "relay": lambda settings: relay.run(settings, "loans"),
        "webhooks": lambda settings: delivery.run(settings, "loans"),
    },
)

if __name__ == "__main__":
    SERVICE.main()
