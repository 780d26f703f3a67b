"""Forms made from JSON schemas: every job type's payload can be filled in without a line written for it."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from nicegui.element import Element

from dashboard.frame import box, button, text
from dashboard.parts.fields import Choice, Field
from dashboard.words import pretty

Schema = Mapping[str, Any]
"""A JSON schema, or a part of one. Any: JSON."""
NOTHING = object()
"""The value of a field that is left empty."""
MOST_ITEMS = 50
"""Items that a form shows; longer lists are edited as JSON."""
UPLOAD, UPLOAD_PATTERN = "uploadId", "^[0-9a-f]{64}$"


class Part(Protocol):
    """A part of a form."""

    def value(self) -> Any:
        """Return what is filled in, as JSON; `NOTHING` when it is left empty."""

    def refuse(self, path: Sequence[str], problem: str) -> bool:
        """Show what is wrong at a path below this part; False when there is no such place."""

    def accept(self) -> None:
        """Show that nothing is wrong."""


def part_of(name: str, schema: Schema, root: Schema, value: Any, *, required: bool, tenant: Callable[[], str]) -> Part:
    """Make the elements for a value and return the part. tenant: whose uploads are made."""
    plain = resolved(schema, root)
    label = titled(name)
    if "enum" in plain or "const" in plain:
        return OneOf(label, plain, value, required=required)
    kind = plain.get("type")
    if kind == "object" and plain.get("properties"):
        return Record(label, plain, root, value, tenant)
    if kind == "array" and isinstance(plain.get("items"), Mapping):
        return Several(label, plain, root, value, tenant)
    if kind in {"string", "integer", "number", "boolean"}:
        return Single(name, label, plain, value, required=required, tenant=tenant)
    return AsJson(label, plain, value)


def resolved(schema: Schema, root: Schema) -> Schema:
    """Return a schema with its reference followed, and as if null were not possible: that is an empty field."""
    if "$ref" in schema:
        target = root["$defs"][schema["$ref"].rpartition("/")[2]]
        return {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
    choices = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    if len(choices) == 1:
        rest = {key: value for key, value in schema.items() if key != "anyOf"}
        return {**resolved(choices[0], root), **rest}
    return schema


def titled(name: str) -> str:
    """Return a name of the wire as a label: `sequenceType` is `Sequence type`."""
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()
    return (words[:1].upper() + words[1:]).replace("_", " ")


class Single:
    """A text, a number or a yes or no."""

    def __init__(
        self, name: str, label: str, schema: Schema, value: Any, *, required: bool, tenant: Callable[[], str]
    ) -> None:
        self._kind = schema["type"]
        given = schema.get("default") if value is None else value
        long = self._kind == "string" and schema.get("maxLength", 0) > 500 and schema.get("format") != "uri"
        kind = {"boolean": "check", "integer": "number", "number": "number"}.get(self._kind, "long" if long else "text")
        uploaded = name == UPLOAD or schema.get("pattern") == UPLOAD_PATTERN
        self._field = Field(
            label,
            kind="upload" if uploaded else kind,
            value="" if given is None else pretty(given) if self._kind != "string" else str(given),
            help=_help(schema),
            required=required,
        )
        if uploaded:
            self._field.upload_for(tenant)

    def value(self) -> Any:
        """Return the value in the schema's type where that is possible; the model says what is wrong otherwise."""
        typed = self._field.value
        if self._kind == "boolean":
            return typed == "true"
        if not typed.strip():
            return NOTHING
        return typed if self._kind == "string" else _json(typed)

    def refuse(self, path: Sequence[str], problem: str) -> bool:
        """Show the problem here."""
        self._field.refuse(problem)
        return True

    def accept(self) -> None:
        """Show no problem."""
        self._field.refuse("")


class OneOf(Single):
    """A choice."""

    def __init__(self, label: str, schema: Schema, value: Any, *, required: bool) -> None:
        self._kind = "string"
        values = [str(each) for each in schema.get("enum", [schema.get("const")])]
        options = ({} if required or schema.get("default") is not None else {"": ""}) | {
            each: each.replace("_", " ") for each in values
        }
        given = schema.get("default") if value is None else value
        self._field = Choice(label, options, value=None if given is None else str(given), help=_help(schema))


class AsJson(Single):
    """Anything, as JSON."""

    def __init__(self, label: str, schema: Schema, value: Any) -> None:
        self._kind = "json"
        self._field = Field(
            label, kind="code", value="" if value is None else pretty(value), help=_help(schema) or "JSON"
        )


class Record:
    """A group of named parts."""

    def __init__(self, label: str, schema: Schema, root: Schema, value: Any, tenant: Callable[[], str]) -> None:
        given = value if isinstance(value, Mapping) else {}
        required = set(schema.get("required", ()))
        whole = "whole" if any("items" in resolved(each, root) for each in schema["properties"].values()) else ""
        with box("fieldset" if label else "div", whole if label else "stack"):
            if label:
                text("legend", label)
            with box(style="fields"):
                self._parts = {
                    name: part_of(name, each, root, given.get(name), required=name in required, tenant=tenant)
                    for name, each in schema["properties"].items()
                }

    def value(self) -> Any:
        """Return the fields that are filled in."""
        values = {name: part.value() for name, part in self._parts.items()}
        return {name: value for name, value in values.items() if value is not NOTHING}

    def refuse(self, path: Sequence[str], problem: str) -> bool:
        """Show the problem at the field it is about."""
        part = self._parts.get(path[0]) if path else None
        return part is not None and part.refuse(path[1:], problem)

    def accept(self) -> None:
        """Show no problem."""
        for part in self._parts.values():
            part.accept()


class Several:
    """A list of parts, which grows and shrinks."""

    def __init__(self, label: str, schema: Schema, root: Schema, value: Any, tenant: Callable[[], str]) -> None:
        self._schema, self._root, self._tenant = schema, root, tenant
        self._items: list[tuple[Element, Part]] = []
        given = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else []
        with box("fieldset", "whole"):
            text("legend", label)
            self._place = box(style="stack")
            self._problem = text("p", "", "problem")
            with box(style="row-line"):
                button("Add", lambda: self._add(None), "small", symbol="add")
        for each in given[:MOST_ITEMS] or [None] * min(schema.get("minItems", 0), 1):
            self._add(each)

    def value(self) -> Any:
        """Return the items that are filled in."""
        values = [part.value() for _, part in self._items]
        return [value for value in values if value is not NOTHING]

    def refuse(self, path: Sequence[str], problem: str) -> bool:
        """Show the problem at the item it is about, or for the whole list."""
        if path and path[0].isdigit() and int(path[0]) < len(self._items):
            if self._items[int(path[0])][1].refuse(path[1:], problem):
                return True
            problem = f"{int(path[0]) + 1}: {problem}"
        self._problem.set_text(problem)
        return True

    def accept(self) -> None:
        """Show no problem."""
        self._problem.set_text("")
        for _, part in self._items:
            part.accept()

    def _add(self, value: Any) -> None:
        with self._place, box(style="item") as item:
            with box(style="item-fields"):
                part = part_of("", self._schema["items"], self._root, value, required=False, tenant=self._tenant)
            button("Remove", lambda: self._remove(item), "small")
        self._items.append((item, part))

    def _remove(self, item: Element) -> None:
        self._items = [(each, part) for each, part in self._items if each is not item]
        item.delete()


def _help(schema: Schema) -> str:
    words = str(schema.get("description", ""))
    bounds = [
        f"{name} {schema[key]}" for key, name in (("minimum", "at least"), ("maximum", "at most")) if key in schema
    ]
    return ", ".join(filter(None, [words, *bounds]))


def _json(typed: str) -> Any:
    try:
        return json.loads(typed)
    except ValueError:
        return typed
