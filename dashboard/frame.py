"""The frame around every page: navigation, theme, keys, and the page's head."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from nicegui import ui
from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement

from api.identity import Caller, Right
from contracts.values import PLATFORM
from dashboard.words import ROOT

HERE = Path(__file__).parent
STATIC = HERE / "static"
TEMPLATES = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True)
VERSION = hashlib.sha256(b"".join(file.read_bytes() for file in sorted(STATIC.iterdir()))).hexdigest()[:12]
"""Changes with the static files, so that a browser keeps them for good."""


@dataclass(frozen=True)
class Item:
    """A page in the navigation. `key` opens it after `g`; `right` is what it takes to see it."""

    path: str
    label: str
    icon: str
    key: str
    right: Right = Right.JOBS_READ


NAVIGATION = (
    (
        Item("/", "Overview", "dashboard", "o"),
        Item("/jobs", "Jobs", "list_alt", "j"),
        Item("/dead-letters", "Dead letters", "report", "d"),
        Item("/queues", "Queues", "layers", "q"),
    ),
    (
        Item("/schedules", "Schedules", "event_repeat", "s"),
        Item("/flows", "Flows", "account_tree", "f"),
        Item("/bulk-actions", "Bulk actions", "checklist", "b"),
        Item("/payments", "Payments", "payments", "p", Right.PAYLOADS_READ),
        Item("/approvals", "Approvals", "rule", "v"),
        Item("/alerts", "Alerts", "notifications", "a"),
    ),
    (
        Item("/analytics", "Analytics", "insights", "y"),
        Item("/tenants", "Tenants", "storefront", "e"),
        Item("/workers", "Workers", "memory", "w", Right.WORKERS_READ),
        Item("/webhooks", "Webhooks", "webhook", "h", Right.WEBHOOKS_MANAGE),
        Item("/keys", "Keys", "key", "k", Right.KEYS_MANAGE),
        Item("/audit", "Audit", "policy", "u", Right.AUDIT_READ),
    ),
)


def text(tag: str, words: str, style: str = "") -> TextElement:
    """Make an element with a text, shown as it is."""
    return TextElement(tag=tag, text=words).classes(style)


def box(tag: str = "div", style: str = "") -> Element:
    """Make an element to put others into."""
    return Element(tag).classes(style)


def icon(name: str) -> None:
    """Make an icon that only decorates."""
    text("i", name, "material-icons").props("aria-hidden=true")


def link(words: str, href: str, style: str = "") -> Element:
    """Make a link; href is set as it is, whatever characters are in it."""
    made = text("a", words, style)
    made.props["href"] = href
    return made


def button(words: str, on_click: object, style: str = "", *, symbol: str = "") -> Element:
    """Make a button."""
    made = box("button", f"btn {style}").props("type=button").on("click", on_click)  # type: ignore[arg-type]  # NiceGUI takes any handler
    with made:
        if symbol:
            icon(symbol)
        text("span", words)
    return made


def able(element: Element, can: bool) -> None:
    """Let a button be pressed, or not."""
    if can:
        element.props(remove="disabled")
    else:
        element.props("disabled")


@contextmanager
def frame(caller: Caller, active: str) -> Iterator[None]:
    """Put what is made inside into the page's main part."""
    ui.add_head_html(
        f'<link rel="stylesheet" href="{ROOT}/static/style.css?v={VERSION}">'
        f'<script src="{ROOT}/static/app.js?v={VERSION}"></script>'
    )
    groups = [[item for item in group if caller.may(item.right)] for group in NAVIGATION]
    shell = TEMPLATES.get_template("shell.html").render(
        root=ROOT,
        groups=[group for group in groups if group],
        active=active,
        tenant="All tenants" if caller.sees is None else caller.sees,
        role=f"platform {caller.role}" if caller.tenant_id == PLATFORM else caller.role,
        key_id=caller.key_id,
    )
    ui.add_body_html(shell)
    with box().props("id=main"):
        yield


@contextmanager
def head(title: str, sub: str = "") -> Iterator[None]:
    """Make the page's head; what is made inside stands at its end: actions and the like."""
    with box(style="page-head"):
        text("h1", title)
        if sub:
            text("p", sub, "sub")
        with box(style="end"):
            yield


@contextmanager
def card(title: str = "", note: str = "", style: str = "") -> Iterator[Element]:
    """Make a surface with a heading for what is made inside."""
    with box("section", f"card {style}") as made:
        if title:
            with box(style="card-head"):
                text("h2", title)
                if note:
                    text("p", note)
        yield made


def empty(title: str, words: str = "") -> None:
    """Say that there is nothing, and what to do."""
    with box(style="empty"):
        text("p", title, "empty-title")
        if words:
            text("p", words)
