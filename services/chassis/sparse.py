"""Sparse answers: `?fields=id,name` of any read keeps these fields of the answer, or of each of its `items`."""

import json
from http import HTTPStatus
from typing import Any, TypeGuard, get_args

from fastapi import Request, Response
from pydantic import BaseModel

from services.chassis.errors import Fault, Text, Unprocessable

FIELDS = "fields"


def shape_of(model: Any) -> type[BaseModel] | None:
    """The model whose fields an answer has, or whose fields its `items` have; None if there is no such."""
    if not _is_model(model):
        return None
    items = model.model_fields.get("items")
    if items is None:
        return model
    (item,) = get_args(items.annotation) or (None,)
    return item if _is_model(item) else None


def _is_model(kind: Any) -> TypeGuard[type[BaseModel]]:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def names_of(shape: type[BaseModel]) -> set[str]:
    """The fields as JSON shows them."""
    return {field.serialization_alias or name for name, field in shape.model_fields.items()} | {
        *shape.model_computed_fields
    }


def documented(shape: type[BaseModel]) -> dict[str, Any]:
    """The parameter as OpenAPI says it."""
    names = sorted(names_of(shape))
    return {
        "name": FIELDS,
        "in": "query",
        "required": False,
        "style": "form",
        "explode": False,
        "schema": {"type": "array", "items": {"type": "string", "enum": names}},
        "description": "Only these fields, of each item if there are items; several with commas",
    }


def asked(request: Request, shape: type[BaseModel]) -> set[str]:
    """The fields a request asks for. 422 names those that are not there."""
    wanted = {name for text in request.query_params.getlist(FIELDS) for name in text.split(",")}
    faults = [
        Fault(f"query:{FIELDS}", "unknown", Text(f"Không có trường “{name}”", f"No field “{name}”"))
        for name in sorted(wanted - names_of(shape))
    ]
    if faults:
        raise Unprocessable(faults=faults)
    return wanted


def cut(response: Response, wanted: set[str]) -> Response:
    """The answer with only these fields."""
    if response.status_code != HTTPStatus.OK:
        return response
    content = json.loads(bytes(response.body))
    if isinstance(items := content.get("items"), list):
        content["items"] = [_kept(item, wanted) for item in items]
    else:
        content = _kept(content, wanted)
    response.body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    response.headers["content-length"] = str(len(response.body))
    return response


def _kept(item: dict[str, Any], wanted: set[str]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name in wanted}
