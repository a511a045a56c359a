/*
 * node:trace_events: objects that remember whether they were enabled.
 */

const { ArrayPrototypeJoin, ObjectAssign } = primordials;
const { customInspect } = require("console/inspect");
const { formatWithOptions } = require("console/format");
const { ERR_TRACE_EVENTS_CATEGORY_REQUIRED } = require("node/common/errors");
const { validateObject, validateStringArray } = require("node/common/validators");

class Tracing {
  #categories;
  #isEnabled = false;

  constructor(categories) {
    this.#categories = categories;
  }

  enable() {
    this.#isEnabled = true;
  }

  disable() {
    this.#isEnabled = false;
  }

  get enabled() {
    return this.#isEnabled;
  }

  get categories() {
    return ArrayPrototypeJoin(this.#categories, ",");
  }

  [customInspect](depth) {
    if (typeof depth === "number" && depth < 0) return this;
    const shown = { enabled: this.enabled, categories: this.categories };
    return `Tracing ${formatWithOptions(undefined, [shown])}`;
  }
}

function createTracing(options) {
  validateObject(options, "options");
  validateStringArray(options.categories, "options.categories");
  if (options.categories.length === 0) throw new ERR_TRACE_EVENTS_CATEGORY_REQUIRED();
  return new Tracing(options.categories);
}

const traceEvents = { createTracing, getEnabledCategories: () => undefined };

ObjectAssign(exports, traceEvents, { default: traceEvents });
