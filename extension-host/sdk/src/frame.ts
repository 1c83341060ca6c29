/**
 * WebSocket binary frames: a 32-bit little-endian length, a JSON-RPC message of that length, then document bytes to
 * the end of the frame. The same layout as in the module `frame` of the daemon's protocol.
 */

/** Joins a message and document bytes. */
export function joinBinary(message: object, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const head = new TextEncoder().encode(JSON.stringify(message));
  const frame = new Uint8Array(4 + head.length + bytes.length);
  new DataView(frame.buffer).setUint32(0, head.length, true);
  frame.set(head, 4);
  frame.set(bytes, 4 + head.length);
  return frame;
}

/** Splits a frame. `undefined` if it is shorter than it says, or its message is not JSON in UTF-8. */
export function splitBinary(frame: ArrayBuffer): { message: unknown; bytes: Uint8Array<ArrayBuffer> } | undefined {
  if (frame.byteLength < 4) return undefined;
  const length = new DataView(frame).getUint32(0, true);
  if (length === 0 || 4 + length > frame.byteLength) return undefined;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array(frame, 4, length));
    return { message: JSON.parse(text), bytes: new Uint8Array(frame, 4 + length) };
  } catch {
    return undefined;
  }
}
