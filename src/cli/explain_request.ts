import { type Asked, type Command, type Context, defined } from "./command.ts";

/** As `GET /apis/varve.dev/v1/explain` has it. */
interface Explanation {
  readonly host: string;
  readonly under?: string;
  readonly route?: string;
  readonly split?: readonly { readonly revision: string; readonly percent: number }[];
  readonly why?: string;
  readonly revision?: string;
  readonly target?: string;
  readonly mirror?: string;
  readonly instance?: {
    readonly name: string;
    readonly address: string;
    readonly open: number;
    readonly of: number;
    readonly down?: number;
  };
  readonly wait?: string;
  readonly refusal?: { readonly code: number; readonly detail: string };
}

export const EXPLAIN: Command = {
  name: "explain",
  group: "Look",
  summary: "Tell where a request would go, and why",
  text:
    "Asks the gateway which rule, revision and instance a request would take now, and why. " +
    "Nothing is sent to the service, and nothing counts.",
  args: [{ form: "URL", meaning: "host and path: hello.default.localhost/x" }],
  flags: [
    {
      ...{ name: "header", short: "H", value: '"NAME: VALUE"', isMany: true },
      meaning: "a header of the request; may be given several times",
    },
    { name: "method", short: "X", value: "METHOD", meaning: "the method, GET when left out" },
    { name: "client", value: "ADDRESS", meaning: "the address it comes from" },
  ],
  examples: [
    { line: "explain shop.default.localhost/cart", meaning: "By the split, or by a rule." },
    { line: 'explain shop.example.com/ -H "X-User: ann"', meaning: "For one of the users." },
  ],
  run,
};

async function run({ args, flags }: Asked, context: Context): Promise<undefined> {
  const { terminal, isJson, signal } = context;
  const { client } = await context.connect();
  const query = new URLSearchParams({ url: defined(args[0]) });
  for (const header of flags.all("header")) query.append("header", header);
  for (const name of ["method", "client"]) {
    const value = flags.text(name);
    if (value !== undefined) query.set(name, value);
  }
  const path = `/apis/varve.dev/v1/explain?${query}`;
  const explanation = await client.ask<Explanation>(path, { signal });
  if (isJson) await terminal.printJson(explanation);
  else await terminal.print(linesOf(explanation).join("\n"));
}

const WIDTH = 10;

function linesOf(told: Explanation): readonly string[] {
  const { host, under, route, split = [], why, revision, target, mirror, refusal } = told;
  const shares = split.map((it) => `${it.revision} ${it.percent} %`).join(", ");
  const asName = under === undefined || under === host ? host : `${host}, by ${under}`;
  const rows: readonly (readonly [string, string | undefined])[] = [
    ["Host", asName],
    ["Route", route],
    ["Split", shares === "" ? undefined : shares],
    ["Decided by", why],
    ["Revision", revision],
    ["Asked for", target],
    ["Copied to", mirror],
    ["Instance", instanceLine(told)],
    ["Answer", refusal && `${refusal.code}: ${refusal.detail.trim()}`],
  ];
  return rows.flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}:`.padEnd(WIDTH + 2) + value],
  );
}

function instanceLine({ instance, wait }: Explanation): string | undefined {
  if (instance === undefined) return wait === undefined ? undefined : `none: ${wait}`;
  const { name, address, open, of, down } = instance;
  const others = down === undefined ? "" : `, ${down} of which do not answer`;
  return `${name} at ${address}, with ${open} open, of ${of}${others}`;
}
