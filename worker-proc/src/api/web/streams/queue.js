/* Queues: a ring buffer, and the "queue with sizes" of the Streams Standard (section 8.1) on top of it.
 *
 * Used by every controller. Growth is bounded by the callers: a controller queues what user code enqueues and tells it
 * by desiredSize to stop.
 */
const { Array, NumberIsFinite } = primordials;
const { NOT_AN_INTEGER, NEGATIVE_BIGINT } = require("webidl");
const { internal, typeError } = require("streams/common");

const INITIAL_SLOTS = 4;

/** A double-ended queue over a power-of-two ring: O(1) push and shift, no holes left behind. */
class Deque {
  constructor() {
    this.slots = null;
    this.head = 0;
    this.length = 0;
  }

  push(value) {
    if (this.slots === null) this.slots = emptySlots(INITIAL_SLOTS);
    else if (this.length === this.slots.length) this.grow();
    this.slots[(this.head + this.length) & (this.slots.length - 1)] = value;
    this.length++;
  }

  peek() {
    return this.slots[this.head];
  }

  replaceFirst(value) {
    this.slots[this.head] = value;
  }

  shift() {
    const value = this.slots[this.head];
    this.slots[this.head] = undefined;
    this.head = (this.head + 1) & (this.slots.length - 1);
    this.length--;
    return value;
  }

  clear() {
    this.slots = null;
    this.head = 0;
    this.length = 0;
  }

  /** Empties this queue and returns what it held as another one, so that callbacks may refill this one. */
  take() {
    const taken = new Deque();
    taken.slots = this.slots;
    taken.head = this.head;
    taken.length = this.length;
    this.clear();
    return taken;
  }

  grow() {
    const count = this.length;
    const slots = emptySlots(count * 2);
    for (let i = 0; i < count; i++) slots[i] = this.slots[(this.head + i) & (count - 1)];
    this.slots = slots;
    this.head = 0;
  }
}
internal(Deque);

function emptySlots(count) {
  const slots = new Array(count);
  for (let i = 0; i < count; i++) slots[i] = undefined;
  return slots;
}

/** Chunks with the sizes that a strategy gave them, and their sum. */
class SizedQueue {
  constructor() {
    this.chunks = new Deque();
    this.sizes = null;
    this.total = 0;
  }

  get length() {
    return this.chunks.length;
  }

  push(chunk, size) {
    // Sizes are kept from the first one that is not 1: without a strategy every chunk counts 1.
    if (this.sizes === null && size !== 1) {
      this.sizes = new Deque();
      for (let i = this.chunks.length; i > 0; i--) this.sizes.push(1);
    }
    if (this.sizes !== null) this.sizes.push(size);
    this.chunks.push(chunk);
    this.total += size;
  }

  peek() {
    return this.chunks.peek();
  }

  peekSize() {
    return this.sizes === null ? 1 : this.sizes.peek();
  }

  shift() {
    this.total -= this.sizes === null ? 1 : this.sizes.shift();
    // Sums of fractions round: an empty queue or a negative sum counts as 0.
    if (this.total < 0) this.total = 0;
    return this.chunks.shift();
  }

  clear() {
    this.chunks.clear();
    this.sizes = null;
    this.total = 0;
  }
}
internal(SizedQueue);

/** The size that a strategy gave; throws a TypeError if it is no finite, non-negative number. */
function checkedSize(value) {
  const size = typeof value === "object" ? NaN : +value;
  if (!NumberIsFinite(size)) throw typeError(NOT_AN_INTEGER);
  if (size < 0) {
    throw typeError(NEGATIVE_BIGINT);
  }
  return size;
}

exports.checkedSize = checkedSize;
exports.Deque = Deque;
exports.SizedQueue = SizedQueue;
