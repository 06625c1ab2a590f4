import type { ObjectKey } from "../../src/api/meta.ts";
import type { TokenRequest } from "../../src/api/review.ts";
import { makeSigningKey, readSigningKey, type SigningKey } from "../../src/base/jwt.ts";
import { type AccountTokenDeps, AccountTokens } from "../../src/server/access/account_tokens.ts";
import type { TokenMaker } from "../../src/server/context.ts";

/** The real tokens of ServiceAccounts. Signing takes real time, which the world can wait for. */
export class Signing implements TokenMaker {
  readonly tokens: AccountTokens;
  readonly #running = new Set<Promise<unknown>>();

  constructor(deps: Omit<AccountTokenDeps, "issuer" | "key">) {
    let signing: Promise<SigningKey> | undefined;
    const key = () => (signing ??= readSigningKey(makeSigningKey()));
    this.tokens = new AccountTokens({ issuer: "https://world.test", key, ...deps });
  }

  async create(account: ObjectKey, request: unknown): Promise<TokenRequest> {
    const creating = this.tokens.create(account, request);
    this.#running.add(creating);
    try {
      return await creating;
    } finally {
      this.#running.delete(creating);
    }
  }

  async settled(): Promise<void> {
    await Promise.allSettled(this.#running);
  }
}
