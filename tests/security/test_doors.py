"""Every door of every service as its OpenAPI document lists it: closed to nobody's and to scopeless tokens."""

import re
from uuid import UUID

import pytest

from tests.conftest import Api
from tests.issuer import Issuer


@pytest.mark.parametrize("service", ["members", "loans", "reporting"])
async def test_every_door_asks_for_a_token_and_a_scope(api: Api, issuer: Issuer, service: str) -> None:
    """Whatever else is wrong with the request: 401 without a token, 403 with one that holds no scope."""
    client = await api(service)
    paths = (await client.get("/v1/openapi.json")).json()["paths"]
    doors = [(method, path) for path, found in paths.items() for method in found if method != "parameters"]
    assert len(doors) > 5
    wrong = []
    for method, path in doors:
        url = re.sub(r"\{\w+\}", str(UUID(int=1)), path)
        given = {"idempotency-key": f"{method}-{path}"[:60], "if-match": '"1"'}
        for headers, expected in (({"authorization": ""}, 401), (issuer.headers(scope="nothing"), 403)):
            answer = await client.request(method, url, headers={**given, **headers})
            if answer.status_code != expected:
                wrong.append((method, path, expected, answer.status_code))
    assert wrong == []
