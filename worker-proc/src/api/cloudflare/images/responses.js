/* What an Images service answers. */
const { Error, Number, RegExpPrototypeExec, StringPrototypeTrim } = primordials;
const { createBase64EncoderTransformStream } = require("cloudflare-internal:streaming-base64");
const { fromBytes } = require("streams");
const { encodeUtf8 } = require("encoding");
const { Headers, setHeader } = require("headers");
const { Response } = require("fetch/response");
const { headerOf, textOf } = require("wrapped/calls");

/** The number of failures that have none of their own. */
const UNKNOWN = 9523;

class ImagesErrorImpl extends Error {
  constructor(message, code) {
    super(message);
    this.code = code;
  }
}

/** Throws what a response says of its failure, and tells the span. */
async function requireSuccess(operation, response, span) {
  const found = RegExpPrototypeExec(/err=(\d+)/, headerOf(response, "cf-images-binding") || "");
  if (found === null && response.status < 400) return;
  const text = await textOf(response);
  const code = found === null ? UNKNOWN : Number(found[1]);
  span.setAttribute("cloudflare.images.error.code", `${code}`);
  span.setAttribute("error.type", text);
  const told =
    found === null
      ? `Unexpected error response ${response.status}: ${StringPrototypeTrim(text)}`
      : StringPrototypeTrim(`IMAGES_${operation}_${text}`);
  throw new ImagesErrorImpl(told, code);
}

/** An image that has been transformed. */
class TransformationResultImpl {
  #response;

  constructor(response) {
    this.#response = response;
  }

  contentType() {
    const type = headerOf(this.#response, "content-type");
    if (type) return type;
    throw new ImagesErrorImpl(`IMAGES_TRANSFORM_ERROR ${UNKNOWN}: No content-type on bindings response`, UNKNOWN);
  }

  /** A stream of its bytes, or of their base64. */
  image(options) {
    const stream = this.#response.body || fromBytes(encodeUtf8(""));
    return options?.encoding === "base64" ? stream.pipeThrough(createBase64EncoderTransformStream()) : stream;
  }

  response(options) {
    const headers = new Headers(options?.headers);
    setHeader(headers, "content-type", this.contentType());
    return new Response(this.image(), { __proto__: null, headers });
  }
}

exports.ImagesErrorImpl = ImagesErrorImpl;
exports.TransformationResultImpl = TransformationResultImpl;
exports.requireSuccess = requireSuccess;
