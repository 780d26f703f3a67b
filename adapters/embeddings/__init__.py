"""What texts mean, as vectors: an optional part, for those who install it."""

from adapters.embeddings.local import LocalEmbedder, installed

__all__ = ["LocalEmbedder", "installed"]
