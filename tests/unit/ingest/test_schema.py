"""/schema says enough to write a client from."""

from __future__ import annotations

from typing import Any

import pytest
from litestar import Litestar

from services.ingest.front import Front
from services.ingest.routes.documents import openapi


@pytest.fixture(scope="module")
def schema() -> Any:
    return Litestar(Front().routers(), openapi_config=openapi("1.0")).openapi_schema.to_schema()


def operations(schema: Any) -> list[Any]:
    return [
        operation
        for path in schema["paths"].values()
        for method, operation in path.items()
        if method in {"get", "head", "post", "put", "patch", "delete"}
    ]


def test_every_operation_is_told(schema: Any) -> None:
    found = operations(schema)
    assert len(found) > 60
    names = [operation["operationId"] for operation in found]
    assert len(set(names)) == len(names)
    for operation in found:
        assert operation["summary"], operation["operationId"]
        assert operation["description"], operation["operationId"]
        for parameter in operation.get("parameters", ()):
            assert parameter["description"], (operation["operationId"], parameter["name"])


def test_every_tag_is_told_and_used(schema: Any) -> None:
    told = [tag["name"] for tag in schema["tags"]]
    assert all(tag["description"] for tag in schema["tags"])
    assert {tag for operation in operations(schema) for tag in operation["tags"]} == set(told)
    assert all(len(operation["tags"]) == 1 for operation in operations(schema))


def test_every_json_body_has_an_example(schema: Any) -> None:
    without = [
        operation["operationId"]
        for operation in operations(schema)
        for media_type, body in operation.get("requestBody", {}).get("content", {}).items()
        if media_type == "application/json" and "example" not in body
    ]
    assert without == []
