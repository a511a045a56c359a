/* Native resources as the ends of internal streams, and the joining of two of them with no JavaScript in between.
 *
 * Used by streams/body and pipeThrough; compression offers to be joined.
 */
const { READABLE, internal } = require("streams/common");

/** Reads a native resource by its id through the operations its owner gave. */
class ResourceSource {
  constructor(resource, length) {
    this.resource = resource;
    this.length = length;
  }

  read(maxBytes) {
    return this.resource.read(this.resource.rid, maxBytes);
  }

  cancel(reason) {
    this.resource.cancel(this.resource.rid, reason);
  }
}
internal(ResourceSource);

class ResourceSink {
  constructor(resource) {
    this.resource = resource;
    this.copies = true;
  }

  write(bytes) {
    return this.resource.write(this.resource.rid, bytes);
  }

  close() {
    return this.resource.close(this.resource.rid);
  }

  abort(reason) {
    this.resource.abort(this.resource.rid, reason);
  }
}
internal(ResourceSink);

/**
 * Joins a native source to a transform that can take it over as a whole (its sink has `takeOver(source)` and says by
 * `untouched` that it may). Returns whether it did; both streams are then used up and locked.
 */
function join(readable, writable, options) {
  const { preventAbort, preventCancel, preventClose, signal } = options;
  if (signal !== undefined || preventAbort || preventCancel || preventClose) return false;
  if (!(readable.source instanceof ResourceSource)) return false;
  if (readable.state !== READABLE || readable.request !== null) return false;
  if (!writable.expectsBytes || !writable.isIdle || !writable.sink.untouched) return false;
  writable.sink.takeOver(readable.source.resource);
  readable.takeSource();
  writable.end();
  return true;
}

exports.ResourceSink = ResourceSink;
exports.ResourceSource = ResourceSource;
exports.join = join;
