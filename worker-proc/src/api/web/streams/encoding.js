/* TextEncoderStream and TextDecoderStream: Encoding Standard, sections 7.4 and 7.5.
 *
 * Transformers of streams/transform over the coders of `encoding`.
 */
const { ArrayBufferIsView, StringPrototypeCharCodeAt, StringPrototypeSlice, Uint8Array } = primordials;
const { TextDecoder, decodeChunk, encodeUtf8, newDecoder } = require("encoding");
const { constructorError, defineInterface, illegalInvocation, toDictionary } = require("webidl");
const flags = require("flags");
const { internal, isArrayBuffer, noop, typeError } = require("streams/common");
const { Transform, TransformStream, kPair } = require("streams/transform");

const EMPTY = "";
const WRITABLE_STRATEGY = { __proto__: null, highWaterMark: 1, size: undefined };

/** A running machine for a transformer that is made with it. */
function machineFor(Transformer, decoder) {
  const readableStrategy = {
    __proto__: null,
    highWaterMark: flags.encoderStreamSpecCompliantBackpressure ? 0 : 1,
    size: undefined,
  };
  const machine = new Transform(WRITABLE_STRATEGY, readableStrategy, noop);
  machine.transformer = new Transformer(machine, decoder);
  machine.start(undefined);
  return machine;
}

/** Strings to UTF-8. A surrogate pair may be split over two chunks, so a high one at the end waits for the next. */
class Encoder {
  constructor(machine) {
    this.machine = machine;
    this.high = EMPTY;
  }

  transform(chunk) {
    let text = this.high + `${chunk}`;
    this.high = EMPTY;
    const last = text.length === 0 ? 0 : StringPrototypeCharCodeAt(text, text.length - 1);
    if (last >= 0xd800 && last <= 0xdbff) {
      this.high = StringPrototypeSlice(text, text.length - 1);
      text = StringPrototypeSlice(text, 0, text.length - 1);
    }
    if (text.length > 0) this.machine.enqueue(encodeUtf8(text));
  }

  flush() {
    if (this.high.length > 0) this.machine.enqueue(encodeUtf8(this.high));
  }

  cancel() {}
}
internal(Encoder);

class Decoder {
  constructor(machine, decoder) {
    this.machine = machine;
    this.decoder = decoder;
  }

  transform(chunk) {
    if (ArrayBufferIsView(chunk)) {
      this.decode(chunk, false);
    } else if (isArrayBuffer(chunk)) {
      this.decode(new Uint8Array(chunk), false);
    } else {
      throw typeError(
        "This TransformStream is being used as a byte stream, but received a value that is not a BufferSource.",
      );
    }
  }

  flush() {
    this.decode(new Uint8Array(0), true);
  }

  decode(bytes, last) {
    let text;
    try {
      text = decodeChunk(this.decoder, bytes, last);
    } catch {
      throw typeError("Failed to decode input.");
    }
    if (text.length > 0) this.machine.enqueue(text);
  }

  cancel() {}
}
internal(Decoder);

class TextEncoderStream extends TransformStream {
  #brand;

  constructor() {
    super(kPair, machineFor(Encoder));
  }

  get encoding() {
    if (!(#brand in this)) throw illegalInvocation();
    return "utf-8";
  }
}

class TextDecoderStream extends TransformStream {
  #decoder;

  constructor(label = "utf-8", options = undefined) {
    const dictionary = toDictionary(options, () => constructorError("TextDecoderStream", 2, "TextDecoderStreamInit"));
    const fatal = dictionary === undefined ? false : dictionary.fatal;
    const settings = {
      __proto__: null,
      fatal: fatal === undefined ? !flags.pedanticWpt : !!fatal,
      ignoreBOM: dictionary !== undefined && !!dictionary.ignoreBOM,
    };
    // The decoder object checks the label and answers for the attributes.
    const decoder = new TextDecoder(label, settings);
    super(kPair, machineFor(Decoder, newDecoder(`${label}`, settings.fatal, settings.ignoreBOM)));
    this.#decoder = decoder;
  }

  get encoding() {
    if (!(#decoder in this)) throw illegalInvocation();
    return this.#decoder.encoding;
  }

  get fatal() {
    if (!(#decoder in this)) throw illegalInvocation();
    return this.#decoder.fatal;
  }

  get ignoreBOM() {
    if (!(#decoder in this)) throw illegalInvocation();
    return this.#decoder.ignoreBOM;
  }
}

defineInterface(TextEncoderStream);
defineInterface(TextDecoderStream);

exports.globals = { TextDecoderStream, TextEncoderStream };
