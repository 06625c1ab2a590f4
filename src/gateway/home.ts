import type { Backend, Endpoint } from "./backend.ts";
import type { Hold, Place } from "./hold.ts";
import type { FromHome, Leaving, Spent, ToHome } from "./peer_protocol.ts";

export interface HomeOptions {
  readonly hold: Hold;
  readonly backend: (id: string) => Backend | undefined;
  /** It has let in requests that count under a limit for all. */
  readonly spent: (spent: Spent) => void;
}

interface Guest {
  readonly backend: Backend;
  place: Place;
  endpoint: Endpoint | undefined;
}

/** What another worker has asked for here: its requests wait in our queues, and count here. */
export class Home {
  readonly #options: HomeOptions;
  readonly #send: (message: FromHome) => void;
  readonly #guests = new Map<number, Guest>();

  constructor(options: HomeOptions, send: (message: FromHome) => void) {
    this.#options = options;
    this.#send = send;
  }

  receive(message: ToHome): void {
    if (message.type === "take") this.#take(message.id, message.backend, message.isBack);
    if (message.type === "spent") this.#options.spent(message);
    if (message.type === "leave") this.#leave(message.id, message.how);
  }

  /** The other worker is gone, and so is all that it had open. */
  close(): void {
    for (const id of [...this.#guests.keys()]) this.#leave(id, "unused");
  }

  #take(id: number, name: string, isBack: boolean): void {
    const backend = this.#options.backend(name);
    if (backend === undefined) {
      this.#send({ type: "refused", id, why: "unknown" });
      return;
    }
    const guest: Guest = { backend, place: undefined, endpoint: undefined };
    this.#guests.set(id, guest);
    const serve = (endpoint: Endpoint) => {
      guest.endpoint = endpoint;
      this.#send({ type: "taken", id, endpoint: endpoint.name });
    };
    const refuse = (why: "full" | "gone") => {
      this.#guests.delete(id);
      this.#send({ type: "refused", id, why });
    };
    guest.place = this.#options.hold.ask(backend, { serve, refuse }, isBack);
  }

  #leave(id: number, how: Leaving): void {
    const { hold } = this.#options;
    const guest = this.#guests.get(id);
    if (guest === undefined) return;
    this.#guests.delete(id);
    const { backend, place, endpoint } = guest;
    if (endpoint === undefined) {
      hold.leave(backend, place);
      return;
    }
    if (how === "fine") hold.trust(endpoint);
    if (how === "refused") hold.distrust(endpoint);
    hold.giveBack(endpoint);
  }
}
