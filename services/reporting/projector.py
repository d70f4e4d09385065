"""Kafka door: events of the owners → contributions and roll-ups."""

from contracts.catalog import EVENTS
from services.chassis import consumer
from services.chassis.settings import Settings
from services.reporting.contributions import commands
from services.reporting.contributions.rules import read

SOURCES = ("members", "loans")


async def run(settings: Settings) -> None:
    """Keep the figures current until SIGTERM."""
    await consumer.run(
        settings,
        group=settings.consumer_group,
        services=SOURCES,
        read=read,
        known_types=EVENTS,
        apply=commands.apply,
    )
