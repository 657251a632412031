"""Makes engine/admit/kubernetes/openapi.json.xz of the OpenAPI documents that Kubernetes publishes with its source.

    python tests/kubernetes/openapi.py      # needs Go, which fetches and verifies the source of each minor, 20 MB

Each table of the file holds, by name, what holds from which minor on, null where there is no such thing any more:

    definitions     schemas by name, without what is prose or validation; `$ref` is a name
    kinds           the name of a kind's definition, by `group/version/Kind`
    resources       kind and whether it is namespaced, by `group/version/resource`
"""

from __future__ import annotations

import json
import lzma
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias
from zipfile import ZipFile

FILE = Path(__file__).parents[2] / "engine" / "admit" / "kubernetes" / "openapi.json.xz"
OLDEST, NEWEST = 28, 37

Tables: TypeAlias = dict[str, dict[str, Any]]


def main() -> None:
    since: dict[str, dict[str, list[tuple[int, Any]]]] = {"definitions": {}, "kinds": {}, "resources": {}}
    for minor in range(OLDEST, NEWEST + 1):
        tables = published(source(minor))
        for table, held in since.items():
            now = tables[table]
            for name in held.keys() | now.keys():
                changes = held.setdefault(name, [])
                if (changes[-1][1] if changes else None) != now.get(name):
                    changes.append((minor, now.get(name)))
    text = json.dumps(since, separators=(",", ":"), sort_keys=True).encode()
    FILE.write_bytes(lzma.compress(text, preset=9 | lzma.PRESET_EXTREME))
    sys.stdout.write(f"{FILE.name}: {FILE.stat().st_size} bytes, {len(text)} as JSON\n")


def source(minor: int) -> Path:
    """The source of a version of Kubernetes, as a zip file, fetched where it is not there yet."""
    command = ["go", "mod", "download", "-json", f"k8s.io/kubernetes@v1.{minor}.0"]
    return Path(json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["Zip"])


def published(source: Path) -> Tables:
    """The tables of one version."""
    tables: Tables = {"definitions": {}, "kinds": {}, "resources": {}}
    with ZipFile(source) as archive:
        for name in archive.namelist():
            if re.search(r"/api/openapi-spec/v3/apis?__.*\.json$", name):
                document = json.loads(archive.read(name))
                for table, entries in zip(tables.values(), _tables(document), strict=True):
                    table.update(entries)
    return tables


def _tables(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    schemas: dict[str, Any] = document.get("components", {}).get("schemas", {})
    yield {name: _bare(schema) for name, schema in schemas.items()}
    yield {
        "/".join((kind["group"], kind["version"], kind["kind"])): name
        for name, schema in schemas.items()
        if ".apimachinery." not in name  # DeleteOptions and its kin are of every group
        for kind in schema.get("x-kubernetes-group-version-kind", ())
    }
    yield dict(_resources(document["paths"]))


_PATH = re.compile(r"/(api|apis/[^/]+)/[^/]+(?P<namespaced>/namespaces/\{namespace\})?/(?P<resource>[a-z]+)")


def _resources(paths: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for path in sorted(paths, key=len):  # those of all namespaces before those of one
        found = _PATH.fullmatch(path)
        kind = found and paths[path].get("post", {}).get("x-kubernetes-group-version-kind")
        if found and kind:
            key = "/".join((kind["group"], kind["version"], found["resource"]))
            yield key, [kind["kind"], found["namespaced"] is not None]


_KEPT = (
    *("type", "format", "required", "nullable", "default"),
    *(
        f"x-kubernetes-{extension}"
        for extension in (
            *("list-type", "list-map-keys", "map-type", "patch-strategy", "patch-merge-key"),
            *("int-or-string", "preserve-unknown-fields", "embedded-resource"),
        )
    ),
)


def _bare(schema: Mapping[str, Any]) -> dict[str, Any]:
    if schema.get("format") == "int-or-string":  # as custom resources have it
        return {"x-kubernetes-int-or-string": True}
    bare = {key: schema[key] for key in _KEPT if key in schema and schema[key] != {}}
    for wrapped in (schema, *schema.get("allOf", ())):
        if "$ref" in wrapped:
            bare["$ref"] = wrapped["$ref"].rpartition("/")[2]
    if "properties" in schema:
        bare["properties"] = {name: _bare(inner) for name, inner in schema["properties"].items()}
    for key in ("items", "additionalProperties"):
        if key in schema:
            bare[key] = _bare(schema[key]) if isinstance(schema[key], dict) else schema[key]
    return bare


if __name__ == "__main__":
    main()
