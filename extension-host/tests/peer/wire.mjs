// What goes between a page and whoever plays Triện, held against the protocol's schema.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";

const schema = JSON.parse(readFileSync(new URL("../../../daemon/protocol/schema/trien.v1.json", import.meta.url), "utf8"));

/** What a reader must bear with, a writer need not send: objects have no fields but those that the schema names. */
function closed(node) {
  if (typeof node !== "object" || node === null) return node;
  if (Array.isArray(node)) return node.map(closed);
  const made = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, closed(value)]));
  return made.type === "object" && made.properties && made.additionalProperties === undefined ? { ...made, additionalProperties: false } : made;
}

// The formats of numbers say how wide they are in the code; JSON Schema knows none of them.
const formats = Object.fromEntries(["int32", "uint8", "uint16", "uint32", "uint64", "float"].map((name) => [name, true]));
const ajv = new Ajv2020({ strict: false, formats });
ajv.addSchema({ $id: "trien.v1", $defs: closed(schema.$defs), oneOf: schema.oneOf });

/** Throws unless `value` is what the schema has at this place. */
export function conforms(place, value) {
  const validate = ajv.getSchema(`trien.v1${place}`);
  assert.ok(validate, `the schema has no ${place}`);
  assert.ok(validate(value), `${JSON.stringify(value).slice(0, 300)}\nis no ${place}: ${ajv.errorsText(validate.errors)}`);
}

/** Listens in a page's window to the messages of both sides. */
export function listen({ window }) {
  const said = [];
  window.addEventListener("message", ({ data }) => {
    if (data?.trien === "send") said.push({ session: data.session, message: JSON.parse(data.text) });
    if (data?.trien === "message") said.push({ session: data.session, message: data.message, reply: true });
  });
  return said;
}

/**
 * Holds each message against the schema, a reply against that of its request's method; gives the names of what was said. No
 * request has more than one end, and none is heard of after it.
 */
export function hold(said) {
  const asked = new Map();
  const open = new Set();
  return said.map(({ session, message, reply }) => {
    conforms("", message);
    const { id, method, params, result, error } = message;
    const of = (part) => schema.methods[method ?? asked.get(`${session} ${id}`)]?.[part].$ref;
    if (!reply) {
      asked.set(`${session} ${id}`, method);
      open.add(`${session} ${id}`);
      conforms(of("params"), params);
      return method;
    }
    if (method !== undefined) {
      conforms(schema.notification.$ref, { method, params });
      if (method === "progress") assert.ok(open.has(`${session} ${params.request}`), "progress of what has ended");
      return method;
    }
    // What could not be read as a request has no id.
    if (id !== null) assert.ok(open.delete(`${session} ${id}`), "a second reply");
    if (result !== undefined) conforms(of("result"), result);
    return error === undefined ? `${asked.get(`${session} ${id}`)} replied` : error.data.code;
  });
}
