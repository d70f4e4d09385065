"""The members service: the Union's people and places."""

from pathlib import Path

from services.chassis import delivery, relay, vault
from services.chassis.app import Service
from services.chassis.feed import feed_router
from services.chassis.webhooks import webhook_router
from services.members import importer
from services.members.access_log import api as access_log
from services.members.branches import api as branches
from services.members.consents import api as consents
from services.members.departures import api as departures
from services.members.duplicates import api as duplicates
from services.members.erasures import api as erasures
from services.members.exports import api as exports
from services.members.fees import api as fees
from services.members.groups import api as groups
from services.members.history import api as history
from services.members.households import api as households
from services.members.imports import api as imports
from services.members.members import api as members
from services.members.members.commands import reseal, sweep
from services.members.merges import api as merges
from services.members.populations import api as populations
from services.members.reorganisations import api as reorganisations
from services.members.roles import api as roles
from services.members.subject_requests import api as subject_requests
from services.members.transfers import api as transfers
from services.members.units import api as units

SERVICE = Service(
    name="members",
    routers=[
        *(members.router, households.router, branches.router, groups.router, units.router, populations.router),
        *(departures.router, transfers.router, transfers.of_member, merges.router, history.router, duplicates.router),
        *(roles.router, roles.of_member, fees.router, fees.of_member, consents.catalogue, consents.of_member),
        *(access_log.router, subject_requests.router, erasures.of_member, exports.of_member, reorganisations.router),
        *(imports.router, feed_router("members"), webhook_router("members")),
    ],
    migrations=Path(__file__).parent / "migrations",
    processes={
        "relay": lambda settings: relay.run(settings, "members", sweep),
        "webhooks": lambda settings: delivery.run(settings, "members"),
        "importer": importer.run,
        "rekey": lambda settings: vault.rekey(settings, "members", reseal),
    },
    background=vault.keeping,
    uploads=[imports.PATH],
)

if __name__ == "__main__":
    SERVICE.main()
