/*
 * What is written to the descriptors of standard output and standard error: lines for the worker's own `console.log`, as a worker that
 * replaces that expects. What is written in one turn joins; the end of a line that does not come is taken to be the turn's.
 */

const {
  FunctionPrototypeCall,
  MathMin,
  TypedArrayPrototypeGetLength,
  TypedArrayPrototypeIndexOf,
  TypedArrayPrototypeSlice,
  TypedArrayPrototypeSubarray,
  Uint8Array,
  globalThis,
} = primordials;
const { decodeUtf8KeepingBom, joinBytes } = require("encoding");
const { queueMicrotask } = require("timers");

/** Of one write no more is taken. */
const MAX_WRITE_BYTES = 16384;
/** Of a line that has no end yet, the last are kept. */
const MAX_LINE_BYTES = 4096;
const NEWLINE = 10;

class Output {
  #descriptor;
  #line = new Uint8Array(0);
  #isScheduled = false;

  constructor(descriptor) {
    this.#descriptor = descriptor;
  }

  write(bytes) {
    let from = 0;
    while (from < TypedArrayPrototypeGetLength(bytes)) {
      const end = TypedArrayPrototypeIndexOf(bytes, NEWLINE, from);
      if (end === -1) {
        this.#keep(TypedArrayPrototypeSubarray(bytes, from));
        return;
      }
      const line = joinBytes([this.#line, TypedArrayPrototypeSubarray(bytes, from, end)]);
      from = end + 1;
      this.#print(line);
    }
  }

  #keep(bytes) {
    this.#line = TypedArrayPrototypeSlice(joinBytes([this.#line, bytes]), -MAX_LINE_BYTES);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      if (TypedArrayPrototypeGetLength(this.#line) > 0) this.#print(this.#line);
    });
  }

  /** What the worker's console does may write again, and so the line is taken before. */
  #print(line) {
    this.#line = new Uint8Array(0);
    const { console } = globalThis;
    const log = typeof console === "object" && console !== null ? console.log : undefined;
    if (typeof log !== "function") return;
    const prefix = ops.stdioPrefix(this.#descriptor);
    const text = decodeUtf8KeepingBom(line);
    const separator = prefix === "" || text === "" ? "" : " ";
    FunctionPrototypeCall(log, console, `${prefix}${separator}${text}`);
  }
}

const outputs = [undefined, new Output(1), new Output(2)];

exports.isStandardStream = (descriptor) => descriptor === 0 || descriptor === 1 || descriptor === 2;

/** Writes the bytes, and gives how many were taken. */
exports.writeStandardStream = function (descriptor, bytes) {
  const count = MathMin(TypedArrayPrototypeGetLength(bytes), MAX_WRITE_BYTES);
  outputs[descriptor]?.write(TypedArrayPrototypeSlice(bytes, 0, count));
  return count;
};
