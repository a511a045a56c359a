/* The module `cloudflare-internal:streaming-forms`: a form as multipart/form-data whose streams are read as it is sent. */
const { ArrayPrototypePush, MathFloor, MathRandom, PromisePrototypeThen } = primordials;
const { encodeUtf8 } = require("encoding");
const { fromBytes, isReadableStream } = require("streams");
const { markHandled, noop } = require("streams/common");
const { identityPair } = require("streams/identity_pipe");
const { pipe } = require("streams/pipe");
const { readableOf, wrapReadable } = require("streams/readable");

const BOUNDARY_DIGITS = 24;
const CRLF = "\r\n";
const KEEP_OPEN = {
  __proto__: null,
  preventClose: true,
  preventAbort: false,
  preventCancel: false,
  signal: undefined,
};

class StreamableFormData {
  #entries = [];
  #boundary = "--------------------------";

  constructor() {
    for (let i = 0; i < BOUNDARY_DIGITS; i++) this.#boundary += MathFloor(MathRandom() * 10);
  }

  /** `type`: "file" gives the part a file name, that of the field. */
  append(field, value, { type } = { type: "string" }) {
    ArrayPrototypePush(this.#entries, { __proto__: null, field, value, type });
  }

  contentType() {
    return `multipart/form-data; boundary=${this.#boundary}`;
  }

  stream() {
    const parts = [];
    const between = `--${this.#boundary}`;
    for (let i = 0; i < this.#entries.length; i++) {
      const { field, value, type } = this.#entries[i];
      const fileName = type === "file" ? `; filename="${field}"` : "";
      const head = `${between}${CRLF}content-disposition: form-data; name="${field}"${fileName}${CRLF}${CRLF}`;
      ArrayPrototypePush(parts, toStream(head), toStream(value), toStream(CRLF));
    }
    ArrayPrototypePush(parts, toStream(`${this.#entries.length === 0 ? `${between}${CRLF}` : ""}${between}--${CRLF}`));
    return joined(parts);
  }
}

const toStream = (value) => (isReadableStream(value) ? value : fromBytes(encodeUtf8(`${value}`)));

/** A stream of what others yield, one after the other. */
function joined(streams) {
  const { readable, writable } = identityPair(undefined, undefined);
  markHandled(moveAll(streams, writable));
  return wrapReadable(readable);
}

async function moveAll(streams, writable) {
  for (let i = 0; i < streams.length; i++) {
    try {
      await pipe(readableOf(streams[i]), writable, KEEP_OPEN);
    } catch (error) {
      for (let j = i + 1; j < streams.length; j++) leave(readableOf(streams[j]), error);
      return;
    }
  }
  await writable.close();
}

/** Nobody reads it any more. */
function leave(readable, error) {
  if (!readable.locked) PromisePrototypeThen(readable.cancel(error), noop, noop);
}

exports.StreamableFormData = StreamableFormData;
