import type { Clock } from "../base/clock.ts";
import type { TracingSettings } from "./route_table.ts";

/** One span as OTLP has it in JSON. */
export interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  /** 2 is a server's. */
  readonly kind: 2;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly Attribute[];
  /** 2 is an error. */
  readonly status: { readonly code: 0 | 2 };
}

export interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue: string } | { readonly intValue: string };
}

export interface SpanExportOptions {
  readonly clock: Clock;
  readonly sent: (spans: number) => void;
  readonly dropped: (spans: number) => void;
}

const WAITING_MAX = 4096;
const BATCH_MAX = 512;
const FLUSH_MS = 1_000;
const SEND_MS = 5_000;

/** Sends spans to a collector by OTLP over HTTP, a batch at a time. What it cannot take is lost. */
export class SpanExport {
  readonly #options: SpanExportOptions;
  #settings: TracingSettings | undefined;
  #waiting: OtlpSpan[] = [];
  #sending: Promise<void> | undefined;
  #isDue = false;

  constructor(options: SpanExportOptions) {
    this.#options = options;
  }

  set settings(settings: TracingSettings | undefined) {
    this.#settings = settings;
  }

  add(span: OtlpSpan): void {
    if (this.#waiting.length >= WAITING_MAX) {
      this.#options.dropped(1);
      return;
    }
    this.#waiting.push(span);
    if (this.#isDue) return;
    this.#isDue = true;
    this.#options.clock.after(FLUSH_MS, () => void this.#flush());
  }

  /** Resolves when all that waits is sent, or lost. */
  close(): Promise<void> {
    return this.#flush();
  }

  #flush(): Promise<void> {
    this.#isDue = false;
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined;
    });
    return this.#sending;
  }

  async #sendAll(): Promise<void> {
    while (this.#waiting.length > 0) await this.#send(this.#waiting.splice(0, BATCH_MAX));
  }

  async #send(spans: readonly OtlpSpan[]): Promise<void> {
    const { endpoint, headers = {} } = this.#settings ?? {};
    try {
      if (endpoint === undefined) throw new Error("there is no collector any more");
      const answer = await fetch(endpoint, {
        method: "POST",
        headers: { ...headers, "content-type": "application/json" },
        body: JSON.stringify(requestOf(spans)),
        signal: AbortSignal.timeout(SEND_MS),
      });
      await answer.body?.cancel();
      if (!answer.ok) throw new Error(`the collector answered ${answer.status}`);
      this.#options.sent(spans.length);
    } catch {
      this.#options.dropped(spans.length);
    }
  }
}

function requestOf(spans: readonly OtlpSpan[]): object {
  const service = { key: "service.name", value: { stringValue: "varve-gateway" } };
  const scopeSpans = [{ scope: { name: "varve" }, spans }];
  return { resourceSpans: [{ resource: { attributes: [service] }, scopeSpans }] };
}
