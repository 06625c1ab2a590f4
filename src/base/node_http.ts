/**
 * Node's `http` as it is. Whoever imports it as a module has each of its exports read, and with
 * them comes a client that nobody here asks for: 60 ms of a start, and 14 MB for a while.
 */
export const nodeHttp = process.getBuiltinModule("node:http");
