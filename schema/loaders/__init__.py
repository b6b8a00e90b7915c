"""One DataLoader a module; `Loaders` hands each out once a request."""

from schema.loaders.registry import Loaders

__all__ = ["Loaders"]
