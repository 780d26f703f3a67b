"""Languages: which one an article is written in, whatever its feed says. Runs in a reader's process.

Many feeds name the language of the program that made them. What cannot be told is said to be unknown, not guessed.
"""

from collections.abc import Sequence
from functools import lru_cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from contracts.news import Article

SURE = 0.9
"""Certainty from which the words count more than what the feed says."""
LEAST_LETTERS = 40
"""Fewer say little: for them it is the language of the whole feed, as far as that can be told."""
WHOLE_FEED = 4_000
"""Letters of a feed that tell its language."""


def with_languages(articles: Sequence[Article]) -> tuple[Article, ...]:
    """Return the articles, each with its language in two letters, or none where nobody knows.

    Where the words do not tell it is what the article says, then what the words of the whole feed tell.
    """
    usual = told_by(" ".join(_words(each) for each in articles)[:WHOLE_FEED])
    return tuple(
        each.model_copy(update={"language": told_by(_words(each)) or each.language or usual}) for each in articles
    )


def told_by(text: str) -> str:
    """Return the language that a text is certainly in, in two letters; empty when that is not certain."""
    if sum(map(str.isalpha, text)) < LEAST_LETTERS:
        return ""
    language, certainty = _identifier().classify(text)
    return str(language) if certainty >= SURE else ""


def _words(article: Article) -> str:
    return f"{article.title}. {article.summary}"


@lru_cache
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
