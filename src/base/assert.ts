/** States what must hold. When it does not, the bug is ours, and the process goes down. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** A promise of ours was broken. Never caught to carry on. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}
