/* HTMLRewriter, over a parser that stops at each handler for as long as it takes.
 *
 * The parser reads ahead of whoever reads the result by one write: what it has put out waits in a pipe without a buffer
 * before the next handler is called. `html_rewriter/tokens` has what handlers are called with.
 */
const { ArrayPrototypePush, ArrayPrototypeSlice, PromisePrototypeThen, RegExpPrototypeExec, SafeMap, TypeError } =
  primordials;
const { argumentError, defineInterface, fieldError, illegalInvocation, isObject } = require("webidl");
const { current, runIn } = require("async_context");
const { TAKEN, Deferred, internal, markHandled, upon } = require("streams/common");
const { toError } = require("streams/native");
const { identityPair } = require("streams/identity_pipe");
const { wrapReadable } = require("streams/readable");
const { isLocked, pumpTo } = require("streams");
const { getHeader } = require("headers");
const { Response, isResponse, responseBody, responseHeaders, responseType } = require("fetch/response");
const { END_TAG, expire, makeToken } = require("html_rewriter/tokens");
const flags = require("flags");

/** The kinds of handlers, in the order of their numbers. */
const { ELEMENT, COMMENTS, TEXT, DOCTYPE, END } = ops.Handler;
const KINDS = [];
KINDS[ELEMENT] = "element";
KINDS[COMMENTS] = "comments";
KINDS[TEXT] = "text";
KINDS[DOCTYPE] = "doctype";
KINDS[END] = "end";
/** Numbers of handlers that a set has. */
const SET = 8;

/** One document on its way. */
class Rewriting {
  constructor(sets, native, pipe) {
    this.sets = sets;
    this.native = native;
    this.pipe = pipe;
    this.frame = current();
    /** Handlers of end tags, and streams {stream, isHtml}, by number; the numbers follow those of the sets. */
    this.extra = new SafeMap();
    this.next = sets.length * SET;
    this.failed = false;
    /** Of the write that is under way. */
    this.done = null;
  }

  add(value) {
    this.extra.set(this.next, value);
    return this.next++;
  }

  addEndTag(handler) {
    return this.add(handler);
  }

  addStream(stream, isHtml) {
    return this.add({ __proto__: null, stream, isHtml });
  }

  // --- what the input is pumped to ---

  write(bytes) {
    return this.start((native) => ops.write(native, bytes));
  }

  close() {
    return PromisePrototypeThen(this.start(ops.end), () => this.pipe.close());
  }

  abort(reason) {
    this.failed = true;
    ops.stop(this.native);
    this.pipe.abort(reason);
  }

  // --- the parser's turns ---

  start(step) {
    this.done = new Deferred();
    this.turn(step);
    return this.done.promise;
  }

  /** Lets the parser go on until it wants more input; comes back here after whatever takes its time. */
  turn(step) {
    if (this.failed) return;
    try {
      for (let due = step(this.native); due >= 0; due = ops.proceed(this.native)) {
        const handled = this.handle(due);
        if (handled !== undefined) {
          upon(
            handled,
            () => this.flushThen(() => this.turn(ops.proceed)),
            (error) => this.fail(error),
          );
          return;
        }
        const flushed = this.flush();
        if (flushed !== undefined) {
          upon(
            flushed,
            () => this.turn(ops.proceed),
            (error) => this.fail(error),
          );
          return;
        }
      }
      this.flushThen(this.done.resolve);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Puts what the parser has written into the pipe: undefined, or a promise of when it has been read. */
  flush() {
    const bytes = ops.takeOutput(this.native);
    return bytes === undefined ? undefined : this.pipe.write(bytes);
  }

  flushThen(go) {
    try {
      const flushed = this.flush();
      if (flushed === undefined) go();
      else upon(flushed, go, (error) => this.fail(error));
    } catch (error) {
      this.fail(error);
    }
  }

  /** What was written before the error is still read. */
  fail(error) {
    if (this.failed) return;
    this.failed = true;
    ops.stop(this.native);
    const end = () => {
      this.pipe.abort(toError(error));
      this.done.reject(error);
    };
    let flushed;
    try {
      flushed = this.flush();
    } catch {
      // Nobody reads any more.
    }
    if (flushed === undefined) end();
    else upon(flushed, end, end);
  }

  /** Calls a handler: undefined, or a promise of when it is done. */
  handle(number) {
    if (number < this.sets.length * SET) {
      const set = this.sets[(number / SET) | 0];
      const kind = number % SET;
      return this.call(set.functions[kind], set.receiver, makeToken(kind, this));
    }
    const extra = this.extra.get(number);
    this.extra.delete(number);
    if (typeof extra === "function") return this.call(extra, undefined, makeToken(END_TAG, this));
    return this.insert(extra);
  }

  call(handler, receiver, token) {
    let result;
    try {
      result = runIn(this.frame, handler, receiver, [token]);
    } catch (error) {
      expire(token);
      throw error;
    }
    if (!isObject(result)) {
      expire(token);
      return undefined;
    }
    const done = new Deferred();
    done.resolve(result);
    const over = () => expire(token);
    PromisePrototypeThen(done.promise, over, over);
    return done.promise;
  }

  /** Moves a stream into the document. */
  insert({ stream, isHtml }) {
    checkUnlocked(stream);
    const write = (bytes) => {
      ops.writeStream(this.native, bytes, isHtml);
      return this.flush();
    };
    return pumpTo(stream, { __proto__: null, write, close() {}, abort() {} });
  }
}
internal(Rewriting);

function checkUnlocked(stream) {
  if (isLocked(stream)) throw new TypeError(TAKEN);
}

const CHARSET = /;\s*charset\s*=\s*(?:"([^"]*)"|([^\s;]+))/i;

/** The charset that a response tells of. */
function charsetOf(response) {
  const type = getHeader(responseHeaders(response), "content-type");
  const match = type === null ? null : RegExpPrototypeExec(CHARSET, type);
  return match === null ? "utf-8" : (match[1] ?? match[2]);
}

/** Reads the handlers of these kinds from an object that a user gave. */
function readHandlers(handlers, dictionary, first, last) {
  const set = { __proto__: null, selector: null, functions: [], bits: 0, receiver: handlers };
  for (let kind = 0; kind < KINDS.length; kind++) {
    const used = handlers !== null && (kind === COMMENTS || kind === TEXT || (kind >= first && kind <= last));
    const handler = used ? handlers[KINDS[kind]] : undefined;
    if (handler !== undefined) {
      if (typeof handler !== "function") throw fieldError(dictionary, KINDS[kind], "function");
      set.bits |= 1 << kind;
    }
    ArrayPrototypePush(set.functions, handler);
  }
  return set;
}

class HTMLRewriter {
  #sets = [];

  on(selector, handlers) {
    if (!isObject(this) || !(#sets in this)) throw illegalInvocation();
    if (arguments.length < 1) throw argumentError("HTMLRewriter", "on", 1, "string");
    const text = `${selector}`;
    if (handlers !== null && !isObject(handlers)) {
      throw argumentError("HTMLRewriter", "on", 2, "ElementContentHandlers");
    }
    const set = readHandlers(handlers, "ElementContentHandlers", ELEMENT, TEXT);
    set.selector = ops.parseSelector(text);
    ArrayPrototypePush(this.#sets, set);
    return this;
  }

  onDocument(handlers) {
    if (!isObject(this) || !(#sets in this)) throw illegalInvocation();
    if (handlers !== null && !isObject(handlers)) {
      throw argumentError("HTMLRewriter", "onDocument", 1, "DocumentContentHandlers");
    }
    ArrayPrototypePush(this.#sets, readHandlers(handlers, "DocumentContentHandlers", DOCTYPE, END));
    return this;
  }

  transform(response) {
    if (!isObject(this) || !(#sets in this)) throw illegalInvocation();
    if (!isResponse(response)) throw argumentError("HTMLRewriter", "transform", 1, "Response");
    if (responseType(response) === "error") throw new TypeError("HTMLRewriter cannot transform an error response");
    const input = responseBody(response);
    if (input === null) return response;
    const pair = identityPair(undefined, undefined);
    const rewritten = new Response(wrapReadable(pair.readable), response);
    const sets = ArrayPrototypeSlice(this.#sets);
    const flat = [];
    for (let i = 0; i < sets.length; i++) ArrayPrototypePush(flat, sets[i].selector, sets[i].bits);
    const native = ops.open(charsetOf(rewritten), flags.esiIncludeIsVoidTag, flat);
    checkUnlocked(input);
    const rewriting = new Rewriting(sets, native, pair.writable.sink);
    markHandled(pumpTo(input, rewriting));
    return rewritten;
  }
}
defineInterface(HTMLRewriter);

exports.globals = { HTMLRewriter };
