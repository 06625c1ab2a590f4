import { createServer } from "node:net";
import type { Clock } from "../../base/clock.ts";
import type { Value } from "../../base/schema.ts";
import { NotStarted } from "../not_started.ts";
import type { EngineAddress, UnusableAddress } from "./address.ts";
import { Departure } from "./departure.ts";
import { Engine, EngineError, isStatus } from "./engine.ts";
import { INFO, NETWORK, VERSION } from "./engine_schema.ts";
import type { EnginePlatform } from "./fitness.ts";

/** There is no engine: where it was looked for, and how to get one. */
export class NoEngine extends NotStarted {}

/** An engine that answers, and how its containers are reached. */
export interface Connection {
  readonly engine: Engine;
  readonly platform: EnginePlatform;
  /** The network of all instances: each has an address of its own in it. */
  readonly network: string;
  /** Whether those addresses are reached from here; otherwise a port of this machine has to be. */
  readonly isDirect: boolean;
  /** Its users have other numbers outside of its containers. */
  readonly isMapped: boolean;
  /** Whether it is about to end. */
  readonly departure: Departure;
}

export interface ConnectionsOptions {
  /** Where an engine may be; the first that answers is taken. */
  readonly addresses: readonly (EngineAddress | UnusableAddress)[];
  readonly clock: Clock;
  /** Instances are reached by ports of this machine, also where that is not needed. */
  readonly isPublished?: boolean;
  /** Called with each connection before it is used. */
  readonly welcome: (connection: Connection) => Promise<void>;
}

const NETWORK_NAME = "varve";
/** Podman says nothing about itself while it loads an image, and that can take its time. */
const LIMIT_MS = 30_000;

/** Finds the engine, also one that is started after us, or again. */
export class Connections implements AsyncDisposable {
  readonly #options: ConnectionsOptions;
  #connecting: Promise<Connection> | undefined;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  /** Whether an engine has been found, and has not been missed since. */
  get isUp(): boolean {
    return this.#connecting !== undefined;
  }

  /** Throws `NoEngine`. */
  get(): Promise<Connection> {
    if (this.#connecting !== undefined) return this.#connecting;
    const connecting = this.#connect();
    this.#connecting = connecting;
    connecting.catch(() => {
      if (this.#connecting === connecting) this.#connecting = undefined;
    });
    return connecting;
  }

  /** Does something with the engine. When that is out of reach it is looked for anew. */
  async use<T>(act: (connection: Connection) => Promise<T>): Promise<T> {
    const connecting = this.get();
    const connection = await connecting;
    try {
      return await act(connection);
    } catch (thrown) {
      const isLost = isStatus(thrown, 0);
      if (isLost && this.#connecting === connecting) this.#connecting = undefined;
      throw thrown;
    }
  }

  /** An engine that has answered just now: one that was found may have gone since. */
  async live(): Promise<Connection> {
    try {
      return await this.use(async (connection) => {
        await connection.engine.ping(LIMIT_MS);
        return connection;
      });
    } catch (thrown) {
      if (!isStatus(thrown, 0)) throw thrown;
      return await this.get();
    }
  }

  /** Why nothing should be begun for now: there is no engine, or it is about to end. */
  async whyNotNow(): Promise<string | undefined> {
    try {
      const { engine, departure } = await this.live();
      return (await departure.isNear(engine)) ? DEPARTS : undefined;
    } catch (thrown) {
      if (thrown instanceof NoEngine || thrown instanceof EngineError) return thrown.message;
      throw thrown;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const connection = await this.#connecting?.catch(() => undefined);
    await connection?.engine[Symbol.asyncDispose]();
  }

  async #connect(): Promise<Connection> {
    const { addresses, clock, isPublished = false, welcome } = this.#options;
    const failures: string[] = [];
    if (addresses.length === 0) throw new NoEngine(OFF);
    const absent: string[] = [];
    for (const address of addresses) {
      if (address.kind === "unusable") {
        failures.push(address.why);
        continue;
      }
      const engine = new Engine({ address, clock });
      try {
        await engine.ping();
        const departure = new Departure(clock);
        const connection = { ...(await connectionOf(engine, isPublished)), departure };
        await welcome(connection);
        return connection;
      } catch (thrown) {
        await engine[Symbol.asyncDispose]();
        if (!(thrown instanceof EngineError)) throw thrown;
        if (thrown.message.includes("ENOENT")) absent.push(engine.name);
        else failures.push(thrown.message);
      }
    }
    throw new NoEngine(noEngine(failures, absent));
  }
}

const DEPARTS =
  "the container engine has told all of its containers to end, and seems to be ending itself";

const OFF = "containers are switched off on this server: start it without --containers off";

/** Those that are not even there are named together. */
function noEngine(failures: readonly string[], absent: readonly string[]): string {
  const nothing = absent.length === 0 ? [] : [`there is nothing at ${absent.join(", ")}`];
  const found = [...failures, ...nothing].join("; ");
  return (
    `no container engine answers: ${found}. Install Docker or Podman and start it (on Debian: ` +
    "apt install docker.io), or name its address with --containers. It is used once it answers"
  );
}

async function connectionOf(engine: Engine, isPublished: boolean) {
  const [version, info] = await Promise.all([
    engine.get("/version", VERSION, { limitMs: LIMIT_MS }),
    engine.get("/info", INFO, { limitMs: LIMIT_MS }),
  ]);
  const { Os: os = "linux", Arch: architecture = "amd64", Components = [] } = version;
  const isPodman = Components.some(({ Name = "" }) => Name.startsWith("Podman"));
  const network = await networkOf(engine, isPodman);
  const has = (option: string) => info.SecurityOptions?.some((it) => it.includes(option)) ?? false;
  const isRootless = has("name=rootless");
  const isMapped = isRootless || has("name=userns");
  const gateway = network.IPAM?.Config?.find(({ Gateway = "" }) => Gateway !== "")?.Gateway;
  const mayBeDirect = !isPublished && !isRootless && gateway !== undefined;
  const isDirect = mayBeDirect && (await isOurs(gateway));
  return { engine, platform: { os, architecture }, network: NETWORK_NAME, isDirect, isMapped };
}

/** Makes the network unless it is there. Instances in it do not reach one another. */
async function networkOf(engine: Engine, isPodman: boolean): Promise<Value<typeof NETWORK>> {
  const path = `/networks/${NETWORK_NAME}`;
  try {
    return await engine.get(path, NETWORK);
  } catch (thrown) {
    if (!isStatus(thrown, 404)) throw thrown;
  }
  const options = { "com.docker.network.bridge.enable_icc": "false" };
  const body = {
    Name: NETWORK_NAME,
    Driver: "bridge",
    CheckDuplicate: true,
    Labels: { "varve.dev/network": "instances" },
    // Podman knows no such option, and refuses what it does not know.
    ...(isPodman ? {} : { Options: options }),
  };
  try {
    await engine.act("/networks/create", { body });
  } catch (thrown) {
    // Another server has just made it.
    if (!isStatus(thrown, 409)) throw thrown;
  }
  return await engine.get(path, NETWORK);
}

/**
 * Whether an address is one of this machine. Of an engine in a virtual machine, or in a network
 * namespace of its own, it is not; then its containers cannot be reached by their addresses.
 */
function isOurs(host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ host, port: 0 }, () => server.close(() => resolve(true)));
  });
}
