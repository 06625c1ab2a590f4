import { ApiError } from "../../api/error.ts";
import type { Answer } from "../../base/call.ts";

/** Bounds how many answers that go on, such as watches, each user has open at once. */
export class OpenStreams {
  readonly #most: number;
  readonly #open = new Map<string, number>();

  /** 0 is no limit. */
  constructor(most: number) {
    this.#most = most;
  }

  /** The answer, counted until it ends when it is one that goes on. Throws `TooManyRequests`. */
  counted(user: string, answer: Answer): Answer {
    const { write } = answer;
    if (write === undefined || this.#most === 0) return answer;
    const open = this.#open.get(user) ?? 0;
    if (open >= this.#most) throw tooMany(user, this.#most);
    this.#open.set(user, open + 1);
    return {
      ...answer,
      write: async (outlet) => {
        try {
          await write(outlet);
        } finally {
          this.#close(user);
        }
      },
    };
  }

  #close(user: string): void {
    const left = (this.#open.get(user) ?? 1) - 1;
    if (left === 0) this.#open.delete(user);
    else this.#open.set(user, left);
  }
}

function tooMany(user: string, most: number): ApiError {
  const rule = `${most} watches and followed logs may be open at once (--streams-per-user)`;
  const message = `${JSON.stringify(user)} has too many open: ${rule}; close some first`;
  return new ApiError("TooManyRequests", message, { details: { retryAfterSeconds: 1 } });
}
