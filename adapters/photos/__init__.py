"""Reading photos on this machine."""

from adapters.photos.reader import LocalPhotoReader

__all__ = ["LocalPhotoReader"]
