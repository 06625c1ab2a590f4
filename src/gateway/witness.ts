import type { Chance } from "../base/chance.ts";
import { type Clock, microTimestampOf } from "../base/clock.ts";
import { AccessLog } from "./access_log.ts";
import type { FrontCounts } from "./front_counts.ts";
import type { TurnedAway } from "./route.ts";
import type { GatewaySettings } from "./route_table.ts";
import { type Attribute, SpanExport } from "./span_export.ts";
import { readTraceparent, type Span, traceparentIn } from "./trace_context.ts";

/** What is known of a request when it is over. */
export interface Witnessed {
  readonly span: Span | undefined;
  readonly ms: number;
  /** 0 when there was no answer. */
  readonly code: number;
  /** These three of all that could be read. */
  readonly method?: string;
  readonly target?: string;
  readonly authority?: string;
  readonly client: string;
  readonly revision?: string;
  readonly instance?: string | undefined;
  readonly bytesIn?: number;
  readonly bytesOut?: number;
  /** Of a refusal: what the client was told. */
  readonly detail?: string;
}

export interface WitnessOptions {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly counts: FrontCounts;
  /** Of the access log; without it there is none. */
  readonly path: string | undefined;
}

/** A host, which may be an address in brackets, and a port. */
const AUTHORITY = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/;
const TRACE_BYTES = 16;
const SPAN_BYTES = 8;

/** Writes down what requests came to, where that is asked for: as lines, and as spans. */
export class Witness {
  readonly #options: WitnessOptions;
  readonly #log: AccessLog | undefined;
  readonly #spans: SpanExport;
  #settings: GatewaySettings = {};
  #due = 0;
  /** Whether anybody wants to know: what the path of a request asks first. */
  isOn = false;

  constructor(options: WitnessOptions) {
    this.#options = options;
    const { clock, counts, path } = options;
    const dropped = () => {
      counts.logDropped += 1;
    };
    this.#log = path === undefined ? undefined : new AccessLog({ clock, path, dropped });
    this.#spans = new SpanExport({
      clock,
      sent: (spans) => {
        counts.spansSent += spans;
      },
      dropped: (spans) => {
        counts.spansDropped += spans;
      },
    });
  }

  set settings(settings: GatewaySettings) {
    this.#settings = settings;
    this.#spans.settings = settings.tracing;
    const hasLog = settings.accessLog !== undefined && this.#log !== undefined;
    this.isOn = hasLog || settings.tracing !== undefined;
  }

  /** Resolves when what is known has been written and sent, or lost. */
  async close(): Promise<void> {
    await Promise.all([this.#log?.close(), this.#spans.close()]);
  }

  /** The span of a request that says this of its own; nothing where nobody collects them. */
  begin(traceparent: string | undefined): Span | undefined {
    const { tracing } = this.#settings;
    const parent = readTraceparent(traceparent);
    if (tracing === undefined) return parent && { ...parent, spanId: "", isSampled: false };
    const spanId = this.#id(SPAN_BYTES);
    if (parent !== undefined) return { ...parent, spanId };
    const { chance } = this.#options;
    const isSampled = chance.fraction() < tracing.sample;
    return { traceId: this.#id(TRACE_BYTES), spanId, parentId: undefined, isSampled };
  }

  /** A request that got no further than the front. */
  turnedAway({ refusal: { code, detail }, client, outgoing }: TurnedAway): void {
    if (!this.isOn) return;
    if (outgoing === undefined) {
      this.over({ span: undefined, client, code, detail, ms: 0 });
      return;
    }
    const { method, target, authority } = outgoing;
    const span = this.begin(traceparentIn(outgoing));
    this.over({ span, method, target, authority, client, code, detail, ms: 0 });
  }

  /** HOT where it is on: a request is over. */
  over(it: Witnessed): void {
    const { accessLog } = this.#settings;
    if (accessLog !== undefined && this.#log !== undefined) {
      const isFailure = it.code === 0 || it.code >= 500;
      this.#due += accessLog.sample;
      const isDue = this.#due >= 1;
      if (isDue) this.#due -= 1;
      if (isDue || isFailure) this.#log.add(this.#lineOf(it));
    }
    const { span } = it;
    if (span?.isSampled === true && span.spanId !== "") this.#export(it, span);
  }

  #lineOf(it: Witnessed): string {
    return JSON.stringify({
      time: microTimestampOf(this.#options.clock.now()),
      method: it.method,
      host: it.authority,
      // Queries hold tokens more often than they help.
      path: pathOf(it.target),
      status: it.code,
      ms: Math.round(it.ms * 1000) / 1000,
      client: it.client,
      revision: it.revision,
      instance: it.instance,
      in: it.bytesIn,
      out: it.bytesOut,
      trace: it.span?.traceId,
      refusal: it.detail,
    });
  }

  #export(it: Witnessed, span: Span): void {
    const endMs = this.#options.clock.now();
    const text = (key: string, value: string | undefined): readonly Attribute[] =>
      value === undefined ? [] : [{ key, value: { stringValue: value } }];
    const number = (key: string, value: number): readonly Attribute[] =>
      value === 0 ? [] : [{ key, value: { intValue: String(value) } }];
    const { traceId, spanId, parentId } = span;
    const [, host, port] = AUTHORITY.exec(it.authority ?? "") ?? [];
    this.#spans.add({
      ...{ traceId, spanId, kind: 2, name: it.method ?? "HTTP" },
      ...(parentId !== undefined && { parentSpanId: parentId }),
      startTimeUnixNano: nano(endMs - it.ms),
      endTimeUnixNano: nano(endMs),
      attributes: [
        ...text("http.request.method", it.method),
        ...text("url.path", pathOf(it.target)),
        ...text("server.address", host),
        ...number("server.port", Number(port ?? 0)),
        ...text("client.address", it.client),
        ...text("varve.revision", it.revision),
        ...text("varve.instance", it.instance),
        ...number("http.response.status_code", it.code),
      ],
      status: { code: it.code === 0 || it.code >= 500 ? 2 : 0 },
    });
  }

  #id(bytes: number): string {
    return Buffer.from(this.#options.chance.token(bytes), "base64url").toString("hex");
  }
}

function pathOf(target: string | undefined): string | undefined {
  return target?.split("?", 1)[0];
}

function nano(ms: number): string {
  return `${BigInt(Math.round(ms * 1000)) * 1000n}`;
}
