/**
 * What an engine says about a command that could not be started, without the names of the parts
 * it went through: `failed to create shim task: OCI runtime create failed: runc create failed:
 * unable to start container process: exec: "/x": stat /x: no such file or directory: unknown`.
 */
export function reasonIn(message: string): string {
  const inner = /unable to start container process: (.*)$/s.exec(message)?.[1] ?? message;
  const plain = inner.replace(/^OCI runtime \w+ failed: /, "").replace(/: unknown\.?\s*$/, "");
  return plain.trim();
}
