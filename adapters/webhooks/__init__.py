"""Telling endpoints of callers."""

from adapters.webhooks.sender import HttpWebhooks

__all__ = ["HttpWebhooks"]
