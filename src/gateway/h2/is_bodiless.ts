/** Without a value of their own, answers of these codes have no body. */
export function isBodiless(method: string, code: number): boolean {
  return method === "HEAD" || code === 204 || code === 304;
}
