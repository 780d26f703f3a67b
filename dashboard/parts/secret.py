"""A secret that is shown once, with a button that copies it."""

from nicegui.element import Element

from dashboard.frame import box, button, icon, text


def show_once(place: Element, words: str, secret: str, *, what: str) -> None:
    """Show a secret in a place until somebody is done with it. what: what the copying button says it copies."""
    place.clear()
    with place, box(style="notice info row-line"):
        text("strong", words)
        text("code", secret)
        with box("button", "copy").props(f'type=button aria-label="Copy the {what}"') as copy:
            icon("content_copy")
        copy.props["data-copy"] = secret
        button("Done", place.clear, "small")
