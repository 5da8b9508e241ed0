"""Spans to an OpenTelemetry collector, by OTLP over HTTP. Needs the extra `tracing`, which is imported only here.

Spans wait in a bounded queue for a thread of their own; a collector that is away costs spans, never a step.
"""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING

from moonmind.workflows.orchestrator.tracing import NullTracing, Span, Tracing, root_number, trace_number

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext

EXPORT_SECONDS = 3.0
CLOSE_SECONDS = 2.0
MOST_WAITING = 2048
BATCH = 256
DELAY_MS = 1_000


class OtlpTracing:
    """`endpoint` is the full address for traces; headers come from OTEL_EXPORTER_OTLP_HEADERS."""

    def __init__(self, endpoint: str, service: str) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        self._resource = Resource.create({"service.name": service})
        self._processor = BatchSpanProcessor(
            OTLPSpanExporter(endpoint, timeout=EXPORT_SECONDS),
            max_queue_size=MOST_WAITING,
            schedule_delay_millis=DELAY_MS,
            max_export_batch_size=BATCH,
        )

    def add(self, span: Span) -> None:
        self._processor.on_end(self._readable(span))

    def close(self) -> None:
        closing = threading.Thread(target=self._processor.shutdown, name="tracing-close", daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)

    def _readable(self, span: Span) -> ReadableSpan:
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.trace import Status, StatusCode

        return ReadableSpan(
            name=span.name,
            context=_context(span, span.number or random.getrandbits(64) | 1),
            parent=None if span.is_root else _context(span, root_number(span.run)),
            resource=self._resource,
            attributes={f"moonmind.{name}": value for name, value in span.attributes.items()},
            status=Status(StatusCode.ERROR if span.failed else StatusCode.OK),
            start_time=span.start,
            end_time=span.end,
        )


def make_tracing(endpoint: str | None, service: str) -> Tracing:
    """To a collector where an endpoint is set (settings see to it that the extra is there), else to nobody."""
    return NullTracing() if endpoint is None else OtlpTracing(endpoint, service)


def _context(span: Span, number: int) -> SpanContext:
    from opentelemetry.trace import SpanContext, TraceFlags

    return SpanContext(trace_number(span.run), number, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
