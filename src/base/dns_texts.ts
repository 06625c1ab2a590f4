import { Resolver } from "node:dns/promises";

/** How long one server is waited for, and how often it is asked. */
const LOOK_UP = { timeout: 2000, tries: 2 };

/** The texts of the TXT records of a name, from the servers of this machine or from others. */
export async function textsOf(
  name: string,
  servers?: readonly string[],
): Promise<readonly string[]> {
  const resolver = new Resolver(LOOK_UP);
  if (servers !== undefined) resolver.setServers(servers);
  try {
    const records = await resolver.resolveTxt(name);
    return records.map((parts) => parts.join(""));
  } catch (thrown) {
    // There is no such name, or it has no texts: an answer like any other.
    const code = thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
    if (code === "ENOTFOUND" || code === "ENODATA") return [];
    throw thrown;
  }
}
