"""Logs and traces of a process. Traces are off until the standard OTEL_ variables name a collector."""

import logging
import os
import sys
from typing import Literal

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from pythonjsonlogger.json import JsonFormatter
from temporalio.client import Plugin
from temporalio.contrib.opentelemetry import OpenTelemetryPlugin, create_tracer_provider

from temporal.interceptors.logs import job_context

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def set_up_logging(level: str, style: Literal["text", "json"]) -> None:
    """Log to standard error: one line each, with job, tenant and trace where there is one; never a payload.

    The level is that of our own loggers. Libraries are heard from WARNING on: some log SQL values below it.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_add_context)
    handler.setFormatter(_json() if style == "json" else _Text("%(asctime)s %(levelname)-7s %(name)s %(message)s"))
    logging.basicConfig(level=max(logging.WARNING, logging.getLevelName(level)), handlers=[handler], force=True)
    for ours in ("spaces", "temporalio.activity"):  # the second is `activity.logger`, of steps
        logging.getLogger(ours).setLevel(level)


class _Text(logging.Formatter):
    """One line for people, with the context at its end."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  logging's own name
        context = "".join(f" {name}={value}" for name, value in record.__dict__.items() if name in CONTEXT)
        return super().formatMessage(record) + context


CONTEXT = ("jobId", "tenantId", "step", "attempt", "traceId")


def _json() -> logging.Formatter:
    names = {"levelname": "level", "name": "logger"}
    return JsonFormatter(["levelname", "name", "message"], rename_fields=names, timestamp="at")


def _add_context(record: logging.LogRecord) -> bool:
    fields: dict[str, object] = dict(job_context.get())
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        fields["traceId"] = trace.format_trace_id(span.trace_id)
    for name, value in fields.items():
        setattr(record, name, value)
    return True


def set_up_tracing(service: str) -> list[Plugin]:
    """Send traces to the collector that the environment names; return the Temporal plugin that carries them on."""
    if not any(os.environ.get(name) for name in ENDPOINTS) or os.environ.get("OTEL_SDK_DISABLED") == "true":
        return []
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    name = os.environ.get("OTEL_SERVICE_NAME", service)
    provider = create_tracer_provider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return [OpenTelemetryPlugin(add_temporal_spans=True)]
