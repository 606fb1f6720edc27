"""Images from files nobody vouches for: opened within limits, or refused by name."""

from xstilts.images.reading import (
    BadImageError,
    ImageReader,
    Limits,
    OnBadItem,
    Opened,
    open_image,
    read_image,
)

__all__ = [
    "BadImageError",
    "ImageReader",
    "Limits",
    "OnBadItem",
    "Opened",
    "open_image",
    "read_image",
]
