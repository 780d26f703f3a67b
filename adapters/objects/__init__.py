"""Keeping bytes under keys."""

from adapters.objects.store import ObjectStore

__all__ = ["ObjectStore"]
