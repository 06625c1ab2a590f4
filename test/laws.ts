/**
 * The architecture: what the code of each folder may import besides itself. A folder, one file of
 * it, or its types. In building order: each imports only what stands above it, so nothing cycles.
 */
export const MAY_IMPORT: Readonly<Record<string, string>> = {
  base: "",
  api: "base",
  versions: "base api",
  scaling: "base api",
  trial: "base",
  store: "base api",
  client: "base api",
  oci: "base",
  gateway: "base api versions",
  build: "base api oci/oci.ts",
  runtime: "base api client/client.ts oci/oci.ts build/containers.ts",
  control: "base api client/client.ts",
  server: "base api store/store.ts",
  facade: "base api client/client.ts",
  reconcilers:
    "base api versions scaling trial control client/client.ts oci/oci.ts " +
    "gateway/route_table.ts build/build.ts runtime/runtime.ts",
  platform:
    "base api versions scaling store client oci gateway build runtime control server facade " +
    "reconcilers",
  cli: "base api client",
  "main.ts": "base/loading.ts platform cli",
  console: "types:api",
  deploy: "base api",
  examples: "",
  test: "src",
  bench: "src test",
};

/** The folders in these never import one another: only the files beside them, and as above. */
export const ROOMS: readonly string[] = ["runtime", "facade", "reconcilers"];

/** The door of each package: the only place that may import it. Without a door it stays outside. */
export const DOORS: Readonly<Record<string, string>> = {
  "@kubernetes/client-node": "test/kubernetes/",
  "@peculiar/x509": "src/base/certificate.ts",
  "reflect-metadata": "src/base/certificate.ts",
  acorn: "test/fuzz/",
  ajv: "src/base/schema_reading.ts",
  commander: "src/cli/program.ts",
  ignore: "src/base/archive.ts",
  "immutable-json-patch": "src/base/json_patch.ts",
  jose: "src/base/jwt.ts",
  pino: "src/base/log.ts",
  sirv: "src/build/static_site.ts",
  tar: "src/base/archive.ts",
  undici: "src/base/http_client.ts",
  ws: "src/base/web_socket.ts test/kubernetes/",
  yaml: "src/base/yaml.ts",
  yauzl: "src/base/archive.ts",
};

/** What src/ may not say, where it may after all, and what to write instead. */
export const BANS: readonly (readonly [RegExp, string, string])[] = [
  [
    /\bprocess\.(env|argv)\b/,
    "platform/config.ts main.ts gateway/worker.ts cli/environment.ts",
    "read it in platform/config.ts",
  ],
  [/\b(Date\.now|new Date|performance\.now)\b/, "base/clock.ts", "take a Clock"],
  [/(?<!\.)\bset(Timeout|Interval)\b/, "base/clock.ts", "take a Clock"],
  [/\b(Math\.random|randomUUID)\b/, "base/chance.ts", "take a Chance"],
  [/\bconsole\.\w/, "base/log.ts cli", "log through base/log.ts"],
  [
    /^(?:import (?!type\b)|\} )[^;\n]*from "node:http"/m,
    "gateway/rig.ts runtime/test_app.ts oci/test_registry.ts",
    "take it from base/node_http.ts",
  ],
  [/\bFIXME\b|\bTODO(?!\()/, "", "write TODO(correctness|hardening|cleanup|coverage)"],
];

export const LINES_MAX = 400;
export const COLUMNS_MAX = 100;
