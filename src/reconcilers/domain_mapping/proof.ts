/** Whether a namespace has shown that a domain is its own. */
export interface Proof {
  /** How soon one that is lacking is looked for again. */
  readonly againMs: number;
  /** What is lacking, in words that say what to do; nothing when it is shown. */
  lackFor(claim: {
    readonly domain: string;
    readonly namespace: string;
  }): Promise<string | undefined>;
}

/** The texts of the TXT records of a name; none when there are none. Throws when nobody answers. */
export type LookUpTexts = (name: string) => Promise<readonly string[]>;

const AGAIN_MS = 15_000;

/** By a TXT record `_varve.DOMAIN` that says `namespace=NAMESPACE`: only its owner can write it. */
export function dnsProof(lookUp: LookUpTexts): Proof {
  return {
    againMs: AGAIN_MS,
    async lackFor({ domain, namespace }) {
      const name = `_varve.${domain}`;
      const wanted = `namespace=${namespace}`;
      const way = `Add a DNS record: ${name} TXT "${wanted}".`;
      try {
        const texts = await lookUp(name);
        if (texts.includes(wanted)) return undefined;
        const shown = texts.map((text) => `"${text.slice(0, 100)}"`).join(", ");
        return texts.length === 0 ? way : `${way} What is there now: ${shown}.`;
      } catch (thrown) {
        const why = thrown instanceof Error ? thrown.message : String(thrown);
        return `${way} Nobody answers for it now: ${why}.`;
      }
    },
  };
}
