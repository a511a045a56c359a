/* A transformation of an image that a user describes step by step: a form tells a service of it. */
const { ArrayPrototypePush, JSONStringify } = primordials;
const { StreamableFormData } = require("cloudflare-internal:streaming-forms");
const { withSpan } = require("cloudflare-internal:tracing-helpers");
const { isObject } = require("webidl");
const { ImagesErrorImpl, TransformationResultImpl, requireSuccess } = require("images/responses");
const { fetchFrom } = require("wrapped/calls");

const OPTION = "cloudflare.images.options.";
const CONSUMED = 9525;

let consume, partsOf;

class ImageTransformerImpl {
  #fetcher;
  /** A stream, or a text with its options. */
  #source;
  /** Transformations, and other images to be drawn on this one. */
  #steps = [];
  #isConsumed = false;

  constructor(fetcher, source) {
    this.#fetcher = fetcher;
    this.#source = source;
  }

  static {
    consume = (transformer) => {
      if (!transformer.#isConsumed) {
        transformer.#isConsumed = true;
        return;
      }
      const why = "ImageTransformer consumed; you may only call .output() or draw a transformer once";
      throw new ImagesErrorImpl(`IMAGES_TRANSFORM_ERROR ${CONSUMED}: ${why}`, CONSUMED);
    };
    partsOf = (value) =>
      isObject(value) && #steps in value ? { __proto__: null, source: value.#source, steps: value.#steps } : undefined;
  }

  transform(transform) {
    ArrayPrototypePush(this.#steps, { __proto__: null, transform });
    return this;
  }

  draw(image, options = {}) {
    let drawn = partsOf(image);
    if (drawn === undefined) drawn = { __proto__: null, source: image, steps: [] };
    else consume(image);
    ArrayPrototypePush(this.#steps, { __proto__: null, drawn, options });
    return this;
  }

  async output(options) {
    return withSpan("images_output", async (span) => {
      span.setAttribute("cloudflare.binding.type", "Images");
      const form = new StreamableFormData();
      consume(this);
      const isText = appendSource(form, this.#source, "text_input", "image");
      span.setAttribute("cloudflare.images.canvas.type", isText ? "text" : "image");
      appendSteps(form, this.#steps, span);
      const { format, quality, background, anim } = options;
      const append = (name, field, value) => {
        if (value === undefined) return;
        span.setAttribute(`${OPTION}${name}`, value);
        form.append(field, `${value}`);
      };
      span.setAttribute(`${OPTION}format`, format);
      form.append("output_format", format);
      append("quality", "output_quality", quality);
      append("background", "background", background);
      append("anim", "anim", anim);
      const response = await send(this.#fetcher, "transform", form);
      await requireSuccess("TRANSFORM", response, span);
      return new TransformationResultImpl(response);
    });
  }
}

/** A promise of the response to a form. */
const send = (fetcher, path, form) =>
  fetchFrom(fetcher, `https://js.images.cloudflare.com/${path}`, {
    __proto__: null,
    method: "POST",
    headers: { "content-type": form.contentType() },
    body: form.stream(),
  });

/** Adds an image's source, which may be a text; returns whether it is. */
function appendSource(form, source, textField, imageField) {
  const isText = isObject(source) && "content" in source && "options" in source;
  if (!isText) {
    form.append(imageField, source, { type: "file" });
    return false;
  }
  const { font, size, color } = source.options;
  form.append(textField, JSONStringify({ text: source.content, font, size, color }));
  return true;
}

/** Adds the images that are drawn, and the list of all that is to be done, in order: it names images by numbers, the first is 0. */
function appendSteps(form, steps, span) {
  const list = [];
  const counts = { __proto__: null, text: 0, image: 0 };
  const walk = (index, own) => {
    for (let i = 0; i < own.length; i++) {
      const { transform, drawn, options } = own[i];
      if (drawn === undefined) {
        ArrayPrototypePush(list, { imageIndex: index, ...transform });
        continue;
      }
      counts[appendSource(form, drawn.source, "draw_text", "draw_image") ? "text" : "image"]++;
      const drawImageIndex = counts.text + counts.image;
      walk(drawImageIndex, drawn.steps);
      ArrayPrototypePush(list, { drawImageIndex, targetImageIndex: index, ...options });
    }
  };
  walk(0, steps);
  const json = JSONStringify(list);
  if (list.length > 0) span.setAttribute(`${OPTION}transforms`, json);
  for (const kind in counts) {
    if (counts[kind] > 0) span.setAttribute(`cloudflare.images.overlays.${kind}`, counts[kind]);
  }
  form.append("transforms", json);
}

exports.ImageTransformerImpl = ImageTransformerImpl;
exports.send = send;
