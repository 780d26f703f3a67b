"""Personal data: which fields of payloads and results are about a person, how they are hidden, and how they are erased.

A field is marked where it is declared, by `json_schema_extra=PERSONAL`; the API's description shows the mark. People
are also named in the middle of texts, marked or not: for erasing, all texts are looked through for the subject.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, get_args

from pydantic import BaseModel, JsonValue

PERSONAL: dict[str, JsonValue] = {"x-personal": True}
MASK = "•••"
LEAST_IN_TEXTS = 5
"""Characters of a subject that is looked for inside texts: a shorter one stands in too many of them."""

Marks = Mapping[str, Any]
"""By a field's name on the wire: None where it is personal, the marks inside it where something in it is."""


@lru_cache
def marks_of(model: type[BaseModel]) -> Marks:
    """Return what is personal in a model, in the models inside it and in lists of those."""
    return _marks(model, ())


def masked(value: Any, marks: Marks) -> Any:
    """Return a JSON value with its personal parts masked; what is empty stays as it is."""
    return _replaced(value, marks, lambda found: found if found in (None, "", [], {}) else MASK)


def without_personal(value: Any, marks: Marks) -> Any:
    """Return a JSON value whose personal parts are null."""
    return _replaced(value, marks, lambda _: None)


def names_subject(value: Any, marks: Marks, subject: str) -> bool:
    """Tell whether a personal part of a JSON value is this subject, or any text in it has it as words of its own.

    Upper and lower case are the same; inside texts only a subject of five characters and more is looked for.
    """
    if any(text.casefold() == subject.casefold() for text in _personal_texts(value, marks)):
        return True
    return len(subject) >= LEAST_IN_TEXTS and without_subject(value, subject) != value


def without_subject(value: Any, subject: str) -> Any:
    """Return a JSON value in which each text that names the subject is null; a field's name that does is a mask."""
    if len(subject) < LEAST_IN_TEXTS:
        return value
    named = re.compile(rf"(?<!\w){re.escape(subject.casefold())}(?!\w)")
    return _without(value, lambda text: bool(named.search(text.casefold())))


def _marks(model: type[BaseModel], outer: tuple[type[BaseModel], ...]) -> Marks:
    found: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        wire, extra = field.serialization_alias or field.alias or name, field.json_schema_extra
        if isinstance(extra, Mapping) and "x-personal" in extra:
            found[wire] = None
            continue
        inside = [_marks(each, (*outer, model)) for each in _models(field.annotation) if each not in (*outer, model)]
        if joined := {key: mark for marks in inside for key, mark in marks.items()}:
            found[wire] = joined
    return found


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _replaced(value: Any, marks: Marks, by: Callable[[Any], Any]) -> Any:
    if isinstance(value, list):
        return [_replaced(item, marks, by) for item in value]
    if not isinstance(value, dict):
        return value
    said = dict(value)
    for name in marks.keys() & said.keys():
        said[name] = by(said[name]) if marks[name] is None else _replaced(said[name], marks[name], by)
    return said


def _without(value: Any, is_named: Callable[[str], bool]) -> Any:
    if isinstance(value, str):
        return None if is_named(value) else value
    if isinstance(value, list):
        return [_without(item, is_named) for item in value]
    if isinstance(value, dict):
        return {MASK if is_named(name) else name: _without(item, is_named) for name, item in value.items()}
    return value


def _personal_texts(value: Any, marks: Marks) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _personal_texts(item, marks)
    elif isinstance(value, dict):
        for name in marks.keys() & value.keys():
            inside = value[name]
            yield from _texts(inside) if marks[name] is None else _personal_texts(inside, marks[name])


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)
