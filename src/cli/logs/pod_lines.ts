import type { ObjectKey } from "../../api/meta.ts";
import type { KubernetesClient, PodLogOptions } from "../../client/kubernetes.ts";
import { hasNoLog } from "./has_no_log.ts";

/** A line, when it was written, and by which Pod. */
export interface PodLine {
  readonly at: string;
  readonly pod: string;
  readonly text: string;
}

/** How far the lines of a Pod were read: the next reader begins behind it. */
export class Place {
  #at = "";
  #count = 0;

  /** Asks for what was written since, and some of what was read. */
  get since(): Pick<PodLogOptions, "sinceTime"> {
    return this.#at === "" ? {} : { sinceTime: this.#at };
  }

  /** Steps on with each line. */
  pass({ at }: PodLine): void {
    this.#count = at === this.#at ? this.#count + 1 : 1;
    this.#at = at;
  }

  /** Leaves out what was read before: several lines may have been written at one time. */
  async *behind(lines: AsyncIterable<PodLine>): AsyncIterable<PodLine> {
    const [at, count] = [this.#at, this.#count];
    let seen = 0;
    for await (const line of lines) {
      if (line.at < at) continue;
      seen += line.at === at ? 1 : 0;
      if (line.at > at || seen > count) yield line;
    }
  }
}

/** The lines of a Pod. None when it has not written any, or has gone. */
export async function* linesOfPod(
  client: KubernetesClient,
  key: ObjectKey,
  options: PodLogOptions,
): AsyncIterable<PodLine> {
  try {
    for await (const line of client.podLog(key, { ...options, timestamps: true })) {
      const gap = line.indexOf(" ");
      const at = gap < 0 ? line : line.slice(0, gap);
      yield { at, pod: key.name, text: gap < 0 ? "" : line.slice(gap + 1) };
    }
  } catch (thrown) {
    if (!hasNoLog(thrown)) throw thrown;
  }
}

/** Several logs as one, by time. */
export async function* merged(logs: readonly AsyncIterable<PodLine>[]): AsyncIterable<PodLine> {
  const readers = logs.map((log) => log[Symbol.asyncIterator]());
  const heads = await Promise.all(readers.map((reader) => reader.next()));
  for (;;) {
    let first = -1;
    for (const [at, head] of heads.entries()) {
      const best = heads[first];
      if (head.done !== true && (best === undefined || head.value.at < best.value.at)) first = at;
    }
    const head = heads[first];
    const reader = readers[first];
    if (head === undefined || reader === undefined) return;
    yield head.value;
    heads[first] = await reader.next();
  }
}
