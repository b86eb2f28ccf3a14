"""Holds the OpenAPI 3.0 document against what low-code systems and generators of clients trip over.

    python importers.py FILE

Who cannot do without a rule stands behind it; a linter knows none of them.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from openapi_schema_validator import OAS30Validator

METHODS = {"get", "put", "post", "patch", "delete"}


class Document:
    """A document whose references are followed."""

    def __init__(self, text: str):
        self.root = json.loads(text)

    def of(self, value):
        while isinstance(value, dict) and "$ref" in value:
            target = self.root
            for step in value["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            value = target
        return value

    def operations(self) -> Iterator[tuple[str, str, dict, list[dict]]]:
        for path, item in self.root["paths"].items():
            for method, operation in item.items():
                if method in METHODS:
                    yield path, method, operation, [self.of(each) for each in operation.get("parameters", [])]

    def success(self, operation: dict) -> dict:
        """The schema of the answer to a call that went well."""
        for status, answer in operation["responses"].items():
            content = self.of(answer).get("content", {})
            if status.startswith("2") and "application/json" in content:
                return self.of(content["application/json"]["schema"])
        return {}


def repeated(names: list[str]) -> set[str]:
    lower = [name.lower() for name in names]
    return {name for name in lower if lower.count(name) > 1}


def of_document(document: Document) -> Iterator[str]:
    servers = [server["url"] for server in document.root["servers"]]
    if not servers[0].startswith("http") or "{" in servers[0]:
        yield "the first server is not a whole address (Budibase)"
    schemes = list(document.root["components"]["securitySchemes"].values())
    if (schemes[0]["type"], schemes[0].get("in")) != ("apiKey", "header"):
        yield "the first security scheme is not an API key in a header (MuleSoft, Power Platform: the first is taken)"
    operations = list(document.operations())
    for name in repeated([operation["operationId"] for _, _, operation, _ in operations]):
        yield f"operationId {name} stands more than once, but for its case (generators)"
    for summary in repeated([operation["summary"] for _, _, operation, _ in operations]):
        yield f"summary {summary!r} stands more than once (Postman, ServiceNow: all that is shown)"


def of_operation(document: Document, path: str, operation: dict, parameters: list[dict]) -> Iterator[str]:
    body = operation.get("requestBody", {}).get("content", {})
    members = document.of(body["application/json"]["schema"])["properties"] if body else {}
    for name in repeated([each["name"] for each in parameters] + list(members)):
        yield f"{name} is both a parameter and another parameter or a field of the body (Budibase: bound by name)"
    if body and next(iter(body)) != "application/json":
        yield "the first media type of the body is not JSON (Budibase: the first is taken)"
    if body and "example" not in body["application/json"]:
        yield "the body has no single example (Budibase, Swagger UI)"
    for parameter in parameters:
        kind = parameter["schema"].get("type")
        if kind == "object" or (kind == "array" and parameter.get("explode") is not False):
            yield f"{parameter['name']} is no plain value (forms)"
        example = parameter.get("example", parameter.get("x-example"))
        if parameter["required"] and "example" not in parameter:
            yield f"{parameter['name']} is required and has no example (forms)"
        if example is not None:
            for fault in OAS30Validator(parameter["schema"]).iter_errors(example):
                yield f"the example of {parameter['name']}: {fault.message}"
    if not document.success(operation) and "204" not in operation["responses"]:
        yield "no answer has a schema (forms, generators)"


def of_open_list(schema: dict, parameters: list[dict]) -> Iterator[str]:
    """What can be called with nothing filled in and answers with a list is what triggers and pickers read."""
    names = {parameter["name"] for parameter in parameters}
    if not {"value", "nextLink"} <= set(schema["properties"]):
        yield "a list without value and nextLink (Logic Apps)"
    if not {"limit", "cursor"} <= names:
        yield "a list without limit and cursor"
    if not {"updatedSince", "createdSince"} & names:
        yield "a list that cannot be narrowed by time (triggers that poll)"


def faults(document: Document) -> Iterator[str]:
    yield from of_document(document)
    for path, method, operation, parameters in document.operations():
        found = list(of_operation(document, path, operation, parameters))
        schema = document.success(operation)
        is_open = method == "get" and not any(each["required"] for each in parameters)
        if is_open and any(document.of(each).get("type") == "array" for each in schema.get("properties", {}).values()):
            found += of_open_list(schema, parameters)
        yield from (f"{method.upper()} {path}: {fault}" for fault in found)


def main() -> int:
    found = list(faults(Document(Path(sys.argv[1]).read_text())))
    for fault in found:
        print(fault)
    print(f"importers: {len(found)} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
