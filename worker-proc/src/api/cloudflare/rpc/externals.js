/* What a value of RPC holds by reference, while it is written or read. `structured_clone` walks the value and asks the
   kinds in rpc/transfer about platform objects; they list here what they refer to, by index. */
const { ArrayPrototypePush } = primordials;
const flags = require("flags");
const { dataCloneError, deserializeProps, deserializeWire, serializeProps, session } = require("structured_clone");
const { prepare } = require("structured_clone/prepare");

const { TARGET, OWNED_TARGET, SERVICE, READABLE, WRITABLE, SIGNAL, BOUND_STUB } = ops.ExternalKind;

const MISSING = "The data refers to something that did not come with it.";

class Writer {
  /** Kind, value, value; three for each. */
  externals = [];
  /** States of stubs that go over to the receiver: they are disposed of here. */
  stubs = [];

  /**
   * `transfer`: stubs are given away, not shared. `result`: the value goes to the event's caller, which so keeps the event
   * alive: it is what the event returns, or goes with a call on a stub that came from there. `forCall`: it goes with a call, and
   * not into props, which outlive it and take only services.
   */
  constructor(transfer, result, forCall = true) {
    this.transfer = transfer;
    this.result = result;
    this.forCall = forCall;
  }

  /** What a kind gives in place of an object is prepared as the value was. */
  prepare(value) {
    return prepare(value);
  }

  add(kind, first, second = undefined) {
    const index = this.externals.length / 3;
    ArrayPrototypePush(this.externals, kind);
    ArrayPrototypePush(this.externals, first);
    ArrayPrototypePush(this.externals, second);
    return index;
  }
}

class Reader {
  /** States of the stubs that came with the value. */
  stubs = [];

  #next = 0;

  /** `ofCaller`: the value comes from the event's caller. */
  constructor(externals, ofCaller = false) {
    this.externals = externals;
    this.ofCaller = ofCaller;
  }

  /** The index of what is read next. */
  next() {
    return this.#next++;
  }

  isBoundStub(index) {
    return this.externals[index * 3] === BOUND_STUB;
  }

  /** The two values of an external, which must be of the kind. */
  take(index, kind) {
    this.#next = index + 1;
    const at = index * 3;
    if (this.externals[at] !== kind) throw dataCloneError(MISSING);
    return [this.externals[at + 1], this.externals[at + 2]];
  }
}

/** Writes a value; its bytes are with the ops until the next one takes them. Throws what cannot be sent. */
function write(value, writer) {
  const before = session.writer;
  session.writer = writer;
  try {
    ops.serialize(writer.prepare(value), flags.enhancedErrorSerialization);
  } catch (error) {
    ops.dropExternals(writer.externals);
    throw error;
  } finally {
    session.writer = before;
  }
}

/** A value that outlives the event, in the format of what is stored: its bytes and externals. */
function writeProps(value) {
  const writer = new Writer(false, false, false);
  const before = session.writer;
  session.writer = writer;
  try {
    const bytes = serializeProps(writer.prepare(value));
    return { __proto__: null, bytes, externals: writer.externals };
  } finally {
    session.writer = before;
  }
}

/** The value again. */
function readProps(bytes, externals) {
  const before = session.reader;
  session.reader = new Reader(externals);
  try {
    return deserializeProps(bytes);
  } finally {
    session.reader = before;
  }
}

function read(bytes, reader) {
  const before = session.reader;
  session.reader = reader;
  try {
    return deserializeWire(bytes);
  } finally {
    session.reader = before;
  }
}

/** Who writes now; throws `message` where a value is not for RPC. */
function currentWriter(message) {
  const writer = anyWriter(message);
  if (!writer.forCall) throw dataCloneError(message);
  return writer;
}

/** The same for what may go into props too. */
function anyWriter(message) {
  if (session.writer === null) throw dataCloneError(message);
  return session.writer;
}

function currentReader() {
  if (session.reader === null) throw dataCloneError("The data is not for here.");
  return session.reader;
}

exports.Reader = Reader;
exports.Writer = Writer;
exports.anyWriter = anyWriter;
exports.currentReader = currentReader;
exports.currentWriter = currentWriter;
exports.read = read;
exports.write = write;
exports.readProps = readProps;
exports.writeProps = writeProps;
exports.MISSING = MISSING;
exports.BOUND_STUB = BOUND_STUB;
exports.OWNED_TARGET = OWNED_TARGET;
exports.READABLE = READABLE;
exports.SERVICE = SERVICE;
exports.SIGNAL = SIGNAL;
exports.TARGET = TARGET;
exports.WRITABLE = WRITABLE;
