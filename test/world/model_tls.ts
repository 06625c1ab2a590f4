import { type ObjectKey, pathOf } from "../../src/api/meta.ts";
import type { CertificateState, CoverOptions, RouteTls } from "../../src/reconcilers/route/tls.ts";

/** The simplest TLS: what is known of each host is said by the test. */
export class ModelTls implements RouteTls {
  readonly port = 8443;
  readonly hstsSeconds = 60;
  httpProtocol: RouteTls["httpProtocol"] = "redirected";
  /** Of hosts; all others have a certificate of their own. */
  readonly states = new Map<string, CertificateState>();
  /** The hosts of each Route, by its path. */
  readonly covered = new Map<string, readonly string[]>();
  readonly #wakes = new Set<(key: ObjectKey) => void>();

  readonly source: RouteTls["source"] = (wake) => {
    this.#wakes.add(wake);
    return { [Symbol.dispose]: () => void this.#wakes.delete(wake) };
  };

  /** It stands otherwise with this host of a Route of the namespace "default". */
  set(host: string, state: CertificateState, route: string): void {
    this.states.set(host, state);
    for (const wake of this.#wakes) wake({ namespace: "default", name: route });
  }

  async cover(hosts: readonly string[], options: CoverOptions) {
    this.covered.set(pathOf(options.route), hosts);
    return hosts.map((host) => this.stateOf(host));
  }

  stateOf(host: string): CertificateState {
    return this.states.get(host) ?? { is: "given" };
  }

  release(route: ObjectKey): void {
    this.covered.delete(pathOf(route));
  }
}
