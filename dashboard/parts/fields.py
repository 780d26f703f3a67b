"""Fields of forms: a label, a value that the server knows as it is typed, help, and what is wrong."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nicegui.element import Element


class Field(Element, component="field.js"):
    """A field. kind: text, number, long, code, instant (in UTC), upload or check ("true" or "false")."""

    def __init__(
        self,
        label: str,
        *,
        value: str = "",
        kind: str = "text",
        help: str = "",
        required: bool = False,
        placeholder: str = "",
        suggestions: Sequence[str] = (),
        on_change: Callable[[str], Any] | None = None,
    ) -> None:
        super().__init__()
        self.value = value
        self._on_change = on_change
        said = {"label": label, "kind": kind, "value": value, "help": help, "required": required, "problem": ""}
        for name, given in {**said, "placeholder": placeholder, "suggestions": list(suggestions)}.items():
            self._props[name] = given
        self.on("change", lambda event: self._changed(str(event.args)))

    def upload_for(self, tenant: Callable[[], str]) -> None:
        """Give a field of kind `upload` its button; tenant: whose the file will be."""
        self._props["tenant"] = tenant()
        self.on("begin", lambda: self.run_method("send", tenant()))

    def show(self, value: str) -> None:
        """Put another value in."""
        self.value = value
        self._props["value"] = value
        self.update()

    def refuse(self, problem: str) -> None:
        """Say what is wrong with the value; nothing is, with an empty text."""
        if self._props["problem"] != problem:
            self._props["problem"] = problem
            self.update()

    def _changed(self, value: str) -> Any:
        self.value = value
        self._props["value"] = value
        return self._on_change(value) if self._on_change else None


class Choice(Field):
    """A choice of one of several. options: value to words."""

    def __init__(
        self,
        label: str,
        options: Mapping[str, str],
        *,
        value: str | None = None,
        help: str = "",
        on_change: Callable[[str], Any] | None = None,
    ) -> None:
        super().__init__(
            label, value=next(iter(options)) if value is None else value, kind="choice", help=help, on_change=on_change
        )
        self._props["options"] = [{"value": each, "label": words} for each, words in options.items()]
