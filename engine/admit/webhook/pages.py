"""The routes for people and probes: /healthz, /readyz (/readiness), /policies, /openapi.json and /docs."""

from __future__ import annotations

from html import escape
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse

if TYPE_CHECKING:
    from admit.webhook.app import Engine


def pages(engine: Engine) -> FastAPI:
    """The application of these routes."""
    # No docs page of FastAPI's: it loads its scripts from elsewhere, and a cluster has no way there.
    app = FastAPI(title="admit", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/healthz", summary="Whether the server runs")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readiness", summary="The same as /readyz, where Kubewarden's policy-server has it")
    @app.get("/readyz", summary="Whether rules are loaded, and how many bindings are in force")
    async def readyz() -> dict[str, str | int]:
        return {"status": "ok", "bindings": len(engine.bindings)}

    @app.get("/policies", summary="The policies of the rule set, and the bindings that put them in force")
    async def policies() -> dict[str, Any]:
        return {
            "bindings": list(engine.bindings),
            "policies": [
                {"kind": policy.kind, "name": policy.name, "title": policy.title, "severity": policy.severity}
                for policy in engine.policies
            ],
        }

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> dict[str, Any]:
        return _openapi(app)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(_page(_openapi(app)))

    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The description of all routes, those of admission among them, which FastAPI does not serve."""
    document = get_openapi(title="admit", version=_version(), routes=app.routes)
    document["paths"] = _ADMISSION | document["paths"]
    return document


def _version() -> str:
    try:
        return version("admit")
    except PackageNotFoundError:
        return "unknown"


_REVIEW = {
    "application/json": {
        "schema": {
            "type": "object",
            "title": "AdmissionReview",
            "required": ["apiVersion", "kind"],
            "properties": {
                "apiVersion": {"const": "admission.k8s.io/v1"},
                "kind": {"const": "AdmissionReview"},
                "request": {"type": "object"},
                "response": {"type": "object"},
            },
        }
    }
}
_PROBLEM = {
    "application/json": {
        "schema": {"type": "object", "properties": {"message": {"type": "string"}, "status": {"type": "integer"}}}
    },
}
_TIMEOUT = {
    "name": "timeout",
    "in": "query",
    "description": "the time there is for an answer, as an API server sends it: 10s",
    "schema": {"type": "string"},
}
_BINDING = {
    "name": "binding",
    "in": "path",
    "required": True,
    "description": "the name of a binding",
    "schema": {"type": "string"},
}


_RAW = {
    "application/json": {
        "schema": {
            "type": "object",
            "title": "RawReview",
            "properties": {"request": {"type": "object"}, "response": {"type": "object"}},
        }
    }
}


def _operation(summary: str, *parameters: dict[str, Any], review: dict[str, Any] = _REVIEW) -> dict[str, Any]:
    problems = {
        "400": "not JSON, or no AdmissionReview of admission.k8s.io/v1",
        "404": "no such binding",
        "405": "not POST",
        "413": "too large",
        "415": "not application/json",
        "422": "JSON, but no review; of Kubewarden's documents, audit and validate_raw",
    }
    if _BINDING not in parameters:
        del problems["404"], problems["422"]
    return {
        "post": {
            "summary": summary,
            "parameters": [*parameters, _TIMEOUT],
            "requestBody": {"required": True, "content": review},
            "responses": {
                "200": {"description": "the review with its response", "content": review},
                **{code: {"description": text, "content": _PROBLEM} for code, text in problems.items()},
            },
        }
    }


_ADMISSION = {
    "/mutate": _operation("Every binding that matches: mutations, then validations of the result; with the patch"),
    "/mutate/{binding}": _operation("The same of one binding", _BINDING),
    "/validate": _operation("Every binding that matches: validations of the object as sent; never a patch"),
    "/validate/{binding}": _operation("The same of one binding", _BINDING),
    "/audit/{binding}": _operation("What one binding says, as if all of it denied", _BINDING),
    "/validate_raw/{binding}": _operation("What one binding says of any JSON", _BINDING, review=_RAW),
}


def _page(document: dict[str, Any]) -> str:
    """The description as a page that needs nothing from elsewhere."""
    routes = "".join(
        f"<section><h2><code>{method.upper()} {escape(path)}</code></h2><p>{escape(operation['summary'])}</p>"
        f"<dl>{_rows(operation)}</dl></section>"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    )
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>admit</title>"
        "<style>body{font:16px/1.5 sans-serif;max-width:50em;margin:2em auto;padding:0 1em}"
        "h2{font-size:1.1em;margin:1.5em 0 0}p{margin:.2em 0}"
        "dl{display:grid;grid-template-columns:8em 1fr;margin:.3em 0}dt{font-family:monospace}dd{margin:0}"
        "</style></head><body>"
        f"<h1>admit {escape(document['info']['version'])}</h1>"
        f"<p>As data: <a href='/openapi.json'>/openapi.json</a></p>{routes}</body></html>"
    )


def _rows(operation: dict[str, Any]) -> str:
    parameters = {parameter["name"]: parameter["description"] for parameter in operation.get("parameters", ())}
    responses = {code: response["description"] for code, response in operation["responses"].items()}
    return "".join(f"<dt>{escape(key)}</dt><dd>{escape(text)}</dd>" for key, text in (parameters | responses).items())
