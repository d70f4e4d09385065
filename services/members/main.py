"""The members service: the Union's people and places."""

from pathlib import Path

from services.chassis import relay
from services.chassis.app import Service
from services.chassis.feed import feed_router
from services.members.branches import api as branches
from services.members.households import api as households
from services.members.members import api as members
from services.members.units import api as units

SERVICE = Service(
    name="members",
    routers=[members.router, households.router, branches.router, units.router, feed_router("members")],
    migrations=Path(__file__).parent / "migrations",
    processes={"relay": lambda settings: relay.run(settings, "members")},
)

if __name__ == "__main__":
    SERVICE.main()
