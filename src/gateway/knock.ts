import { connect } from "node:net";
import type { Clock } from "../base/clock.ts";
import type { Endpoint } from "./backend.ts";
import { LIMITS } from "./limits.ts";

/** Tells whether an instance accepts a connection, which is closed at once. */
export function knock(endpoint: Endpoint, clock: Clock, tell: (isUp: boolean) => void): void {
  const { host, port } = endpoint;
  const socket = connect({ host, port });
  let isTold = false;
  const end = (isUp: boolean) => {
    if (isTold) return;
    isTold = true;
    late[Symbol.dispose]();
    socket.destroy();
    tell(isUp);
  };
  const late = clock.after(LIMITS.connectMs, () => end(false));
  socket.on("connect", () => end(true));
  socket.on("error", () => end(false));
}
