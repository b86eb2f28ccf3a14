"""Holds the Swagger 2.0 document against what Power Platform's importer refuses.

    python connector.py FILE

Those rules are in Microsoft's documentation of custom connectors; each line below is one of them.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

METHODS = {"get", "put", "post", "patch", "delete"}
REFUSED_WORDS = {"oneOf", "anyOf", "not", "const", "nullable", "examples", "patternProperties", "uniqueItems"}


def walk(value, path: str = "#") -> Iterator[tuple[str, dict]]:
    """Every object of the document with the path to it, examples left out."""
    if isinstance(value, dict):
        yield path, value
        for name, each in value.items():
            if name not in ("example", "default", "enum"):
                yield from walk(each, f"{path}/{name}")
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from walk(each, f"{path}/{index}")


def references(value) -> set[str]:
    return {each["$ref"].rsplit("/", 1)[1] for _, each in walk(value) if isinstance(each.get("$ref"), str)}


def loops(definitions: dict) -> list[str]:
    """Definitions that lead back to themselves."""
    found = []
    for start in definitions:
        seen, todo = set(), references(definitions[start])
        while todo:
            name = todo.pop()
            if name not in seen:
                seen.add(name)
                todo |= references(definitions.get(name, {}))
        if start in seen:
            found.append(start)
    return found


def faults(text: str) -> Iterator[str]:
    document = json.loads(text)
    operations = [
        (f"{method.upper()} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    ]
    if document.get("swagger") != "2.0":
        yield "it is not Swagger 2.0"
    if len(text.encode()) >= 1_000_000:
        yield f"it has {len(text.encode())} bytes: less than 1 MB is taken"
    if len(operations) > 256:
        yield f"it has {len(operations)} operations: at most 256 are taken"
    if not re.fullmatch(r"[^{}/ :]+(:\d+)?", document.get("host", "")):
        yield "host is not a bare host"
    first = next(iter(document.get("securityDefinitions", {}).values()), {})
    if first.get("type") not in ("apiKey", "basic"):
        yield "the first security definition is not an API key"
    names = [operation.get("operationId", "") for _, operation in operations]
    for name in {name.lower() for name in names if [each.lower() for each in names].count(name.lower()) > 1}:
        yield f"operationId {name} stands more than once"
    for where, operation in operations:
        good = [each for code, each in operation["responses"].items() if code.startswith("2") and "schema" in each]
        if not re.fullmatch(r"[A-Z][A-Za-z0-9]*", operation.get("operationId", "")):
            yield f"{where}: operationId is not PascalCase letters and digits"
        if not operation.get("summary") or not operation.get("description"):
            yield f"{where}: summary or description is missing"
        if len(good) > 1:
            yield f"{where}: {len(good)} successful answers with a schema; one is taken"
        for media in operation.get("consumes", []) + operation.get("produces", []):
            if media != "application/json":
                yield f"{where}: {media} is not a media type that is taken"
        for parameter in operation.get("parameters", []):
            if "$ref" not in parameter and not parameter.get("x-ms-summary"):
                yield f"{where}: {parameter['name']} has no x-ms-summary"
            if parameter.get("name") == "connectionId":
                yield f"{where}: connectionId is a reserved name"
        pages = operation.get("x-ms-pageable")
        if pages is not None and pages.get("nextLinkName") != "nextLink":
            yield f"{where}: only nextLink can name the next page"
    for path, value in walk(document):
        for word in REFUSED_WORDS & set(value):
            if not path.endswith("/properties"):
                yield f"{path}/{word} is not a word of Swagger 2.0"
        if isinstance(value.get("type"), list):
            yield f"{path}/type is a list"
        if isinstance(value.get("$ref"), str) and len(value) > 1:
            yield f"{path} has members beside $ref"
        if value.get("type") == "array" and "items" not in value and not path.endswith("/properties"):
            yield f"{path} does not say what it holds"
    for name in loops(document.get("definitions", {})):
        yield f"#/definitions/{name} leads back to itself"


def main() -> int:
    found = list(faults(Path(sys.argv[1]).read_text()))
    for fault in found:
        print(fault)
    print(f"connector: {len(found)} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
