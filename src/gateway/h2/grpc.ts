const GRPC = /^application\/grpc(?:$|[+;\s])/i;

/** Whether a call speaks gRPC itself: gRPC-Web and Connect have errors that HTTP can tell. */
export function isGrpcType(contentType: string): boolean {
  return GRPC.test(contentType);
}

const INTERNAL = 13;
const UNKNOWN = 2;

/** What a status of HTTP is called in gRPC, where the gateway is who answers. */
const STATUS: Readonly<Record<number, number>> = {
  400: INTERNAL,
  401: 16, // UNAUTHENTICATED
  403: 7, // PERMISSION_DENIED
  404: 12, // UNIMPLEMENTED
  405: 12,
  408: 4, // DEADLINE_EXCEEDED
  413: 8, // RESOURCE_EXHAUSTED
  429: 8,
  431: 8,
  501: 12,
  502: 14, // UNAVAILABLE
  503: 14,
  504: 4,
};

/** How a call ends that the gateway answers, as the two fields that gRPC reads. */
export function grpcStatusOf(code: number, detail: string): [string, string][] {
  return [
    ["grpc-status", String(STATUS[code] ?? UNKNOWN)],
    ["grpc-message", percentEncoded(detail)],
  ];
}

/** Bytes outside of printable ASCII, and "%", as gRPC writes them in a message. */
function percentEncoded(text: string): string {
  let encoded = "";
  for (const byte of Buffer.from(text)) {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += isPlain
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}
