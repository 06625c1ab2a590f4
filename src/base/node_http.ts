/**
 * Node's `http` as it is. Whoever imports it as a module has each of its exports read, and with
 * them comes a client of 17 MB and 70 ms that nobody here asks for.
 */
export const nodeHttp = process.getBuiltinModule("node:http");
