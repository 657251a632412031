"""The server: the admission routes as plain ASGI, the routes for people by FastAPI, over TLS."""

from admit.webhook.app import Engine, Webhook
from admit.webhook.serve import Configuration, serve

__all__ = ["Configuration", "Engine", "Webhook", "serve"]
