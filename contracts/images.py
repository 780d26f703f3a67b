"""Images: which kind of picture some bytes begin like. Pure; upload route, fetcher and reader agree here."""

HEAD_BYTES = 64
"""As many first bytes as `sniff` looks at."""

_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
)
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_BMP_HEADER_SIZES = {12, 40, 52, 56, 64, 108, 124}


def sniff(head: bytes) -> str | None:
    """Return the media type that the first bytes of a file announce; None when it is no picture we read.

    A file name and a Content-Type may say anything; these bytes are what a decoder goes by. They announce only:
    a file may still be damaged behind them.
    """
    for magic, media_type in _MAGIC:
        if head.startswith(magic):
            return media_type
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return "image/bmp"
    return _iso_media(head)


def _iso_media(head: bytes) -> str | None:
    """Tell HEIC from AVIF by the brands in the `ftyp` box (ISO/IEC 14496-12 4.3); a generic major brand names both."""
    if head[4:8] != b"ftyp":
        return None
    end = min(int.from_bytes(head[:4], "big"), len(head), HEAD_BYTES)
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, end, 4))}
    if brands & _AVIF_BRANDS:
        return "image/avif"
    return "image/heic" if head[8:12] in _HEIF_BRANDS else None
