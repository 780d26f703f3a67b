"""What is recognised in each language's own words, and what only looks like it."""

import re
from collections.abc import Mapping
from datetime import date

import pytest

from activities.briefing import cues
from activities.briefing.dates import first_date
from activities.briefing.extractive import extract
from activities.briefing.languages import RULES
from contracts.news import Interests
from tests.steps.test_news_briefing import TODAY, article, material

URGENT = {
    "en": ("GreenEarth is recalling 40,000 bags of soil.", "A flood warning is in force until noon."),
    "es": (
        "GreenEarth retira 40.000 sacos de tierra del mercado.",
        "La Aemet activa la alerta roja por lluvias.",
        "La policía avisa de una estafa con facturas falsas.",
    ),
    "de": (
        "GreenEarth ruft 40.000 Säcke Blumenerde zurück.",
        "Der Wetterdienst gibt eine Unwetterwarnung heraus.",
        "Bei dem Händler gab es ein Datenleck.",
    ),
    "fr": (
        "GreenEarth rappelle 40 000 sacs de terreau.",
        "Le département est placé en vigilance rouge.",
        "Une fuite de données touche des milliers de boutiques.",
    ),
}
WARNINGS = {
    "en": ("Rents climbed again in March.", "Drivers announced a strike."),
    "es": (
        "Los precios del agua subirán un diez por ciento.",
        "La sequía obliga a regar de noche.",
        "El Gobierno prohíbe las bolsas de plástico.",
        "El puerto queda parado por la huelga.",
    ),
    "de": (
        "Die Preise für Torf sind stark gestiegen.",
        "Am Freitag beginnt ein Warnstreik der Lokführer.",
        "Wegen der Vollsperrung ist das Zentrum nicht erreichbar.",
        "Neue Vorschriften gelten für Verpackungen.",
    ),
    "fr": (
        "La hausse des prix inquiète les commerçants.",
        "Une grève des transports est annoncée.",
        "De nouvelles règles s\u2019appliquent aux emballages.",
        "La préfecture met en garde contre la sécheresse.",
    ),
}
CHANCES = {
    "en": ("A grant for small shops is open.", "Demand for cacti rose sharply."),
    "es": (
        "El ayuntamiento abre una convocatoria de ayudas para comercios.",
        "La demanda de cactus crece desde enero.",
        "Se buscan expositores para la feria.",
    ),
    "de": (
        "Die Stadt vergibt Fördermittel an kleine Läden.",
        "Die Nachfrage nach Kakteen steigt weiter.",
        "Aussteller gesucht!",
    ),
    "fr": (
        "La région lance un appel à projets pour les commerces.",
        "La demande de cactus augmente.",
        "Un crédit d\u2019impôt soutient la rénovation.",
    ),
}
EVENTS = {
    "en": ("The garden fair returns.", "The farmers market opens on Sunday."),
    "es": ("La feria del jardín vuelve al parque.", "El mercado navideño abre sus puertas."),
    "de": ("Der Pflanzenmarkt kehrt zurück.", "Das Straßenfest lockt Tausende."),
    "fr": ("La foire aux plantes revient.", "Le marché de Noël ouvre ses portes."),
}
NOTHING = {
    "en": ("The shop sells cacti and pots.", "She waters her plants on Mondays."),
    "es": (
        "La tienda vende cactus y macetas.",
        "El premio fue para un jardinero de Sevilla.",
        "Los lunes riega las plantas.",
        "La retirada del equipo sorprendió a todos.",
    ),
    "de": (
        "Der Laden verkauft Kakteen und Töpfe.",
        "Der Preis ging an eine Gärtnerin aus Bonn.",
        "Montags gießt sie die Pflanzen.",
        "Er rief seine Mutter an.",
    ),
    "fr": (
        "La boutique vend des cactus et des pots.",
        "Le prix est allé à une jardinière de Lyon.",
        "Le lundi, elle arrose les plantes.",
        "Il se rappelle son enfance.",
    ),
}


def said(by_language: Mapping[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    """Return each sentence with its language."""
    return [(language, sentence) for language, sentences in by_language.items() for sentence in sentences]


@pytest.mark.parametrize(("language", "sentence"), said(URGENT))
def test_what_cannot_wait_is_recognised(language: str, sentence: str) -> None:
    found = cues.warning(sentence, language)

    assert found
    assert found.urgency == "high"
    assert found.words in sentence


@pytest.mark.parametrize(("language", "sentence"), said(WARNINGS))
def test_warnings_are_recognised(language: str, sentence: str) -> None:
    found = cues.warning(sentence, language)

    assert found
    assert found.urgency == "medium"


@pytest.mark.parametrize(("language", "sentence"), said(CHANCES))
def test_chances_are_recognised(language: str, sentence: str) -> None:
    assert cues.chance(sentence, language)


@pytest.mark.parametrize(("language", "sentence"), said(EVENTS))
def test_events_are_recognised(language: str, sentence: str) -> None:
    assert cues.event(sentence, language)


@pytest.mark.parametrize(("language", "sentence"), said(NOTHING))
def test_what_is_none_of_them_is_not(language: str, sentence: str) -> None:
    assert [rule(sentence, language) for rule in (cues.warning, cues.chance, cues.event)] == [None, None, None]


@pytest.mark.parametrize(
    ("language", "text", "day"),
    [
        ("es", "hasta el 24 de marzo", date(2025, 3, 24)),
        ("es", "el 1.º de abril de 2025", date(2025, 4, 1)),
        ("es", "el 05/04/2025", date(2025, 4, 5)),
        ("es", "a las 5 de la tarde", None),
        ("de", "bis zum 24. März", date(2025, 3, 24)),
        ("de", "am 1.4.2025 und am 2.4.2025", date(2025, 4, 1)),
        ("de", "am 5. Jänner 2026", date(2026, 1, 5)),
        ("de", "im Mai", None),
        ("fr", "le 1er avril", date(2025, 4, 1)),
        ("fr", "jusqu\u2019au 24 mars 2025", date(2025, 3, 24)),
        ("fr", "le 31/02/2025, puis le 15 août", date(2025, 8, 15)),
        ("", "2025-12-24", None),
    ],
)
def test_days_are_read_as_their_language_writes_them(language: str, text: str, day: date | None) -> None:
    assert first_date(text, language, TODAY, TODAY) == day


def test_a_briefing_of_spanish_articles_has_alerts_with_deadlines_and_local_events() -> None:
    recall = article(
        "Retirada de sustrato",
        "GreenEarth retira 40.000 sacos de sustrato del mercado. El plazo para devolverlos termina el 15 de abril.",
        language="es",
    )
    fair = article("Vuelve la feria", "La feria del jardín vuelve a Sevilla el 29 de marzo.", language="es")
    shop = Interests.model_validate({"keywords": ["sustrato", "jardín"], "geographicFocus": {"city": "Sevilla"}})

    written = extract(material(recall, fair, shop=shop))

    (alert,) = (each for each in written.alerts if each.urgency == "high")
    assert (alert.deadline, alert.description) == (
        date(2025, 4, 15),
        "GreenEarth retira 40.000 sacos de sustrato del mercado.",
    )
    assert [(each.event, each.day) for each in written.local_events] == [("Vuelve la feria", date(2025, 3, 29))]


def test_every_language_names_twelve_months_and_no_name_twice() -> None:
    for rules in RULES.values():
        names = [name for month in rules.months for name in month.split()]
        assert len(rules.months) == 12
        assert len({name.lower() for name in names}) == len(names)
        assert all(re.search(r"\w", name) for name in names)
