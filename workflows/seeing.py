"""Which photos of a batch a model is shown, and what came of it. Pure."""

from collections.abc import Mapping, Sequence

from contracts.generations import Used
from contracts.inventory import SequenceType
from contracts.photos import PhotoInput, PhotoReading
from contracts.seeing import Sight, VisionReport
from workflows.sequences import sequence_of


def to_be_shown(batch: PhotoInput, photos: Sequence[PhotoReading]) -> list[PhotoReading]:
    """Return the photos that a model is to see: near-duplicates never, and none of a mileage log.

    photos: as `judged` returns them
    """
    if batch.vision.photos == "none" or sequence_of(batch, photos)[0] is SequenceType.MILEAGE_LOG:
        return []
    able = [photo for photo in photos if photo.picture and photo.duplicate_of is None]
    return able if batch.vision.photos == "all" else [photo for photo in able if _unclear(photo)]


def with_sights(photos: Sequence[PhotoReading], sights: Mapping[int, Sight]) -> list[PhotoReading]:
    """Return the photos, each with what was seen on it."""
    return [
        photo.model_copy(update={"seen": sight.seen}) if (sight := sights.get(photo.index)) and sight.seen else photo
        for photo in photos
    ]


def report_of(chosen: Sequence[PhotoReading], sights: Mapping[int, Sight]) -> VisionReport:
    """Return what models were asked about the chosen photos. sights: by the photo's index"""
    answers = [sight.seen for sight in sights.values() if sight.seen]
    reasons = (sight.problem for _, sight in sorted(sights.items()) if sight.problem)
    return VisionReport(
        asked=sum(map(_was_asked, sights.values())),
        answered=len(answers),
        cached=sum(answer.cached for answer in answers),
        not_asked=sum(not _was_asked(sights.get(photo.index)) for photo in chosen),
        problems=tuple(dict.fromkeys(reasons)),
        used=_sum([sight.used for sight in sights.values()]),
    )


def _was_asked(sight: Sight | None) -> bool:
    return bool(sight and (sight.seen or sight.used.calls))


def _unclear(photo: PhotoReading) -> bool:
    """Tell whether something on it could not be made out: a person would have to look, or a label has no name."""
    labels = photo.analysis.labels if photo.analysis else ()
    return bool(photo.review) or not labels or not all(label.title for label in labels)


def _sum(parts: Sequence[Used]) -> Used:
    return Used(**{name: sum(getattr(part, name) for part in parts) for name in Used.model_fields})
