"""Every event and every topic."""

from contracts import loans, members
from contracts.event import Data, Event

SERVICES = {"members": members.EVENTS, "loans": loans.EVENTS}
TOPICS = {service: f"danvan.{service}" for service in SERVICES}
EVENTS: dict[str, type[Data]] = {event.TYPE: event for events in SERVICES.values() for event in events}
STATES: dict[str, type[Data]] = {**members.STATES, **loans.STATES}


def read(raw: bytes) -> Event:
    """An event as a reader takes it: envelope checked, and `data` too where the type is known.

    Raises ValidationError for what a reader cannot take; an unknown type is no error.
    """
    event = Event.model_validate_json(raw)
    known = EVENTS.get(event.type)
    if known is not None:
        known.read(event.data)
    return event
