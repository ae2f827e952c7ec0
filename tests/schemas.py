"""The JSON schemas of the documentation, ready to validate with."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
from referencing import Registry, Resource

FOLDER = Path(__file__).parent.parent / "docs/reference/schemas"
SCHEMAS = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))}
_REGISTRY = Registry().with_resources(
    [(name, Resource.from_contents(schema)) for name, schema in SCHEMAS.items()]
)


def faults(document, name, place=""):
    """What in a document does not follow the schema of that name, or a place in it: one line each."""
    validator = jsonschema.Draft202012Validator({"$ref": f"{name}.json{place}"}, registry=_REGISTRY)
    return [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(document)]
