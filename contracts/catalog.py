"""Every event and every topic."""

from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, TypeAdapter, ValidationError, create_model

from contracts import loans, members, reconciliation
from contracts.event import Data, Event

SERVICES = {"members": members.EVENTS, "loans": (*loans.EVENTS, *reconciliation.EVENTS)}
TOPICS = {service: f"danvan.{service}" for service in SERVICES}
EVENTS: dict[str, type[Data]] = {event.TYPE: event for events in SERVICES.values() for event in events}
STATES: dict[str, type[Data]] = {**members.STATES, **loans.STATES, **reconciliation.STATES}


_CHECKED: dict[str, type[BaseModel]] = {
    name: create_model(f"{event.__name__}Message", data=(event, ...)) for name, event in EVENTS.items()
}
"""Of each event only its `data`, to check against the type's contract."""


def _message(event: type[Data]) -> Any:
    """An event whose `data`, kept as it came, fulfils the contract of its type."""
    fields: dict[str, Any] = {
        "type": (Literal[event.TYPE], ...),
        "contract": (Annotated[event, AfterValidator(bool)], Field(validation_alias="data", exclude=True)),
    }
    return create_model(f"{event.__name__}Event", __base__=Event, **fields)


_KNOWN: Any = Annotated[reduce(or_, map(_message, EVENTS.values())), Field(discriminator="type")]
_MESSAGE: TypeAdapter[Event] = TypeAdapter(_KNOWN)


def read(raw: bytes) -> Event:
    """An event as a reader takes it: envelope checked, and where the type is known `data` too, strictly.

    Readers use `data` as it came, so a number sent as text, or a date as a number, is as broken as a missing field.
    Raises ValidationError for what a reader cannot take; an unknown type is no error. What is strictly written of a
    known type, so nearly everything, is read in one pass; of the rest the envelope first.
    """
    try:
        return _MESSAGE.validate_json(raw, strict=True, extra="ignore")
    except ValidationError:
        event = Event.model_validate_json(raw)
    checked = _CHECKED.get(event.type)
    if checked is not None:
        checked.model_validate_json(raw, strict=True, extra="ignore")
    return event
