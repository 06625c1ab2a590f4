/** The numbers that HTTP/2 is made of (RFC 9113, 6 and 7). */

/** Types of frames. */
export const DATA = 0;
export const HEADERS = 1;
export const PRIORITY = 2;
export const RST_STREAM = 3;
export const SETTINGS = 4;
export const PUSH_PROMISE = 5;
export const PING = 6;
export const GOAWAY = 7;
export const WINDOW_UPDATE = 8;
export const CONTINUATION = 9;

/** Flags of frames. */
export const END_STREAM = 1;
export const ACK = 1;
export const END_HEADERS = 4;
export const PADDED = 8;
export const HAS_PRIORITY = 32;

/** Why a stream or a connection ends. */
export const NO_ERROR = 0;
export const PROTOCOL_ERROR = 1;
export const INTERNAL_ERROR = 2;
export const FLOW_CONTROL_ERROR = 3;
export const STREAM_CLOSED = 5;
export const FRAME_SIZE_ERROR = 6;
export const REFUSED_STREAM = 7;
export const CANCEL = 8;
export const COMPRESSION_ERROR = 9;
export const ENHANCE_YOUR_CALM = 11;

/** Settings. */
export const HEADER_TABLE_SIZE = 1;
export const ENABLE_PUSH = 2;
export const MAX_CONCURRENT_STREAMS = 3;
export const INITIAL_WINDOW_SIZE = 4;
export const MAX_FRAME_SIZE = 5;
export const MAX_HEADER_LIST_SIZE = 6;

/** In front of each frame: length, type, flags, stream. */
export const FRAME_HEAD = 9;
/** What each side may send as long as the other has not allowed more. */
export const FRAME_BYTES_MAX = 16_384;
export const FRAME_BYTES_LIMIT = 2 ** 24 - 1;
export const WINDOW_BYTES = 65_535;
export const WINDOW_LIMIT = 2 ** 31 - 1;
/** Of the tables of compressed fields, as long as nobody has said another size. */
export const TABLE_BYTES = 4_096;
