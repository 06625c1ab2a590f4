import type { Refusal } from "./refusal.ts";

const HOST = /^(?:[\w.~-]+|\[[\da-f:.]+\])$/;
const PORT = /:\d{0,5}$/;

export function isRefusal<T extends object>(read: T | Refusal): read is Refusal {
  return "code" in read;
}

/** "Hello.Default.LOCALHOST:8080" is "hello.default.localhost"; and so is the name with a dot. */
export function hostOf(authority: string): string | undefined {
  const lower = authority.toLowerCase();
  const bare = lower.includes(":") ? lower.replace(PORT, "") : lower;
  const host = bare.endsWith(".") ? bare.slice(0, -1) : bare;
  return HOST.test(host) ? host : undefined;
}
