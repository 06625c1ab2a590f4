/** The type that `kubectl` asks `/openapi/v2` for, and takes nothing else. */
export const OPENAPI_PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

type Fields = Readonly<Record<string, unknown>>;

/** Of an OpenAPI 2 document, what `openapiV2` puts into one. */
interface Document {
  readonly swagger: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly definitions: Readonly<Record<string, Schema>>;
}

interface Operation extends Fields {
  readonly operationId: string;
  readonly consumes: readonly string[];
  readonly produces: readonly string[];
  readonly parameters: readonly { readonly name: string; readonly in: string }[];
}

interface Schema extends Fields {
  readonly type?: string;
  readonly format?: string;
  readonly description?: string;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
}

/** Writes an OpenAPI 2 document in the protobuf of gnostic, by which Go's clients read it. */
export function writeOpenapi({ swagger, info, paths, definitions }: Document): Buffer {
  const places = Object.entries(paths).map(([path, verbs]) =>
    message(2, text(1, path), message(2, ...Object.entries(verbs).map(verbOf))),
  );
  const schemas = Object.entries(definitions).map(([name, it]) => namedSchema(name, it));
  return Buffer.concat([
    text(1, swagger),
    message(2, text(1, info.title), text(2, info.version)),
    message(8, ...places),
    message(9, ...schemas),
  ]);
}

const VERBS: Readonly<Record<string, number>> = { get: 2, put: 3, post: 4, delete: 5, patch: 8 };

function verbOf([verb, operation]: readonly [string, Operation]): Buffer {
  const { operationId, consumes, produces, parameters } = operation;
  const response = message(1, text(1, "200"), message(2, message(1, text(1, "OK"))));
  return message(
    VERBS[verb] ?? 2,
    text(5, operationId),
    ...produces.map((it) => text(6, it)),
    ...consumes.map((it) => text(7, it)),
    ...parameters.map(parameterOf),
    message(9, response),
    ...extensionsOf(operation, 13),
  );
}

function parameterOf({ name, in: where }: Operation["parameters"][number]): Buffer {
  const said = [text(2, where), text(4, name)];
  const one =
    where === "path"
      ? message(4, flag(1), ...said, text(5, "string"))
      : message(3, ...said, text(6, "string"));
  return message(8, message(1, message(2, one)));
}

function namedSchema(name: string, schema: Schema): Buffer {
  return message(1, text(1, name), message(2, ...schemaParts(schema)));
}

function schemaParts(schema: Schema): readonly Buffer[] {
  const {
    type,
    format,
    description,
    required = [],
    items,
    properties,
    additionalProperties,
  } = schema;
  const fields = Object.entries(properties ?? {}).map(([name, it]) => namedSchema(name, it));
  const isMap = typeof additionalProperties === "object";
  return [
    ...(format === undefined ? [] : [text(2, format)]),
    ...(description === undefined ? [] : [text(4, description)]),
    ...required.map((name) => text(19, name)),
    ...(isMap ? [message(21, message(1, ...schemaParts(additionalProperties)))] : []),
    ...(typeof type === "string" ? [message(22, text(1, type))] : []),
    ...(items === undefined ? [] : [message(23, message(1, ...schemaParts(items)))]),
    ...(properties === undefined ? [] : [message(25, ...fields)]),
    ...extensionsOf(schema, 31),
  ];
}

/** What begins with "x-", as YAML, of which JSON is a part. */
function extensionsOf(fields: Fields, id: number): readonly Buffer[] {
  return Object.entries(fields)
    .filter(([name]) => name.startsWith("x-"))
    .map(([name, value]) => message(id, text(1, name), message(2, text(2, JSON.stringify(value)))));
}

function text(id: number, value: string): Buffer {
  return field(id, Buffer.from(value, "utf8"));
}

function message(id: number, ...parts: readonly Buffer[]): Buffer {
  return field(id, Buffer.concat(parts));
}

function flag(id: number): Buffer {
  return Buffer.concat([varint(id << 3), varint(1)]);
}

function field(id: number, content: Buffer): Buffer {
  return Buffer.concat([varint((id << 3) | 2), varint(content.length), content]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let left = value; ; left = Math.floor(left / 128)) {
    if (left < 128) return Buffer.from([...bytes, left]);
    bytes.push((left % 128) | 128);
  }
}
