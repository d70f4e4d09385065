"""Every event and every topic."""

from pydantic import BaseModel, create_model

from contracts import loans, members
from contracts.event import Data, Event

SERVICES = {"members": members.EVENTS, "loans": loans.EVENTS}
TOPICS = {service: f"danvan.{service}" for service in SERVICES}
EVENTS: dict[str, type[Data]] = {event.TYPE: event for events in SERVICES.values() for event in events}
STATES: dict[str, type[Data]] = {**members.STATES, **loans.STATES}


_MESSAGES: dict[str, type[BaseModel]] = {
    name: create_model(f"{event.__name__}Message", data=(event, ...)) for name, event in EVENTS.items()
}
"""Of each event only its `data`, to check against the type's contract."""


def read(raw: bytes) -> Event:
    """An event as a reader takes it: envelope checked, and where the type is known `data` too, strictly.

    Readers use `data` as it came, so a number sent as text, or a date as a number, is as broken as a missing field.
    Raises ValidationError for what a reader cannot take; an unknown type is no error.
    """
    event = Event.model_validate_json(raw)
    message = _MESSAGES.get(event.type)
    if message is not None:
        message.model_validate_json(raw, strict=True, extra="ignore")
    return event
