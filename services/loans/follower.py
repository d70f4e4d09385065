"""Kafka door: households and branches that a reorganisation carried → borrowers, their loans, and groups."""

from contracts.catalog import EVENTS
from services.chassis import consumer
from services.chassis.settings import Settings
from services.loans.reorganisations import commands
from services.loans.reorganisations.course import read

GROUP = "loans-follower"
SOURCES = ("members",)
BATCH = 500
"""A carried household takes its loans along: no more of them are locked at once."""


async def run(settings: Settings) -> None:
    """Keep borrowers and groups where the members service carried them until SIGTERM."""
    await consumer.run(
        settings.model_copy(update={"consumer_batch": min(BATCH, settings.consumer_batch)}),
        group=GROUP,
        services=SOURCES,
        read=read,
        known_types=EVENTS,
        apply=commands.apply,
    )
