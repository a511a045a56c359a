/* The module `cloudflare-internal:images-api`: images that a service looks at, transforms, and keeps. */
const { StreamableFormData } = require("cloudflare-internal:streaming-forms");
const { createBase64DecoderTransformStream } = require("cloudflare-internal:streaming-base64");
const { withSpan } = require("cloudflare-internal:tracing-helpers");
const { ImageTransformerImpl, send } = require("images/transformer");
const { requireSuccess } = require("images/responses");
const { WrappedBinding } = require("wrapped");
const { call, jsonOf } = require("wrapped/calls");

/** Images that the service keeps: every method is an RPC call of it. */
class HostedImagesBindingImpl {
  #fetcher;

  constructor(fetcher) {
    this.#fetcher = fetcher;
  }

  image(imageId) {
    return call(this.#fetcher, "image", [imageId]);
  }

  async upload(image, options) {
    return call(this.#fetcher, "upload", [image, options]);
  }

  async list(options) {
    return call(this.#fetcher, "list", [options]);
  }

  async createDirectUpload(options) {
    return call(this.#fetcher, "createDirectUpload", [options]);
  }
}

class ImagesBindingImpl extends WrappedBinding {
  #fetcher;
  #hosted;

  constructor(fetcher) {
    super(fetcher);
    this.#fetcher = fetcher;
    this.#hosted = new HostedImagesBindingImpl(fetcher);
  }

  get hosted() {
    return this.#hosted;
  }

  async info(stream, options) {
    return withSpan("images_info", async (span) => {
      span.setAttribute("cloudflare.binding.type", "Images");
      // As on workerd, where nothing says so for a stream that is not decoded.
      span.setAttribute("cloudflare.images.options.encoding", options?.encoding ?? "base64");
      const form = new StreamableFormData();
      form.append("image", decoded(stream, options), { type: "file" });
      const response = await send(this.#fetcher, "info", form);
      await requireSuccess("INFO", response, span);
      const info = await jsonOf(response);
      const { format, width, height, file_size: fileSize } = info;
      span.setAttribute("cloudflare.images.result.format", format);
      // An SVG has no size.
      if (!("file_size" in info)) return info;
      span.setAttribute("cloudflare.images.result.file_size", fileSize);
      span.setAttribute("cloudflare.images.result.width", width);
      span.setAttribute("cloudflare.images.result.height", height);
      return { fileSize, width, height, format };
    });
  }

  input(stream, options) {
    return new ImageTransformerImpl(this.#fetcher, decoded(stream, options));
  }

  text(content, options) {
    return new ImageTransformerImpl(this.#fetcher, { content, options });
  }
}

/** A stream of the bytes that a stream brings, maybe as base64. */
const decoded = (stream, options) =>
  options?.encoding === "base64" ? stream.pipeThrough(createBase64DecoderTransformStream()) : stream;

function makeBinding(env) {
  return new ImagesBindingImpl(env.fetcher);
}

exports.default = makeBinding;
