/* What handlers of HTMLRewriter are called with: elements, comments, text, doctypes, ends.
 *
 * Shells over what the parser lends to the handler: they work while it runs and throw ever after. `html_rewriter` makes
 * them, with its state of the document: {native, addEndTag(function), addStream(stream, isHtml)}.
 */
const { Error, IteratorPrototype, ObjectSetPrototypeOf, SymbolIterator, TypeError } = primordials;
const { argumentError, defineInterface, illegalConstructor, illegalInvocation, isObject } = require("webidl");
const { isReadableStream } = require("streams");
const { isResponse, responseBody } = require("fetch/response");

const kCreate = { __proto__: null };

const EXPIRED =
  "This content token is no longer valid. Content tokens are only valid during the execution of the relevant content " +
  "handler.";
const CHANGED =
  "The attributes of this element have been modified during iteration. You must create a new iterator after modifying " +
  "attributes.";
const STRING_ONLY =
  "Replacing content in HTML comments using a ReadableStream or Response object is not implemented. You must provide a " +
  "string.";

/* Where content goes, as the ops number it. */
const { BEFORE, AFTER, PREPEND, APPEND, REPLACE, INNER } = ops.Insertion;

let stateOf;

class Given {
  constructor(object) {
    return object;
  }
}

/** Puts the state that all tokens have into an object of any class. */
class Lent extends Given {
  #state;

  constructor(token, rewriting) {
    super(token);
    this.#state = { __proto__: null, rewriting, changes: 0 };
  }

  static {
    stateOf = (token) => {
      if (!isObject(token) || !(#state in token)) throw illegalInvocation();
      return token.#state;
    };
  }
}

function lend(token, secret, rewriting) {
  if (secret !== kCreate) throw illegalConstructor();
  new Lent(token, rewriting);
}

/** The document of a token, while its handler runs. */
function rewritingOf(token) {
  const { rewriting } = stateOf(token);
  if (rewriting === null) throw new TypeError(EXPIRED);
  return rewriting;
}

const nativeOf = (token) => rewritingOf(token).native;

/** The handler is done. */
function expire(token) {
  stateOf(token).rewriting = null;
}

/** The text of an argument that has to be there. */
function textArgument(args, index, className, method) {
  if (args.length <= index) throw argumentError(className, method, index + 1, "string");
  return `${args[index]}`;
}

/** Puts content, the first of `args`, at a place of a token; the second are its options. Returns the token. */
function insert(token, className, method, place, args, streamable = true) {
  stateOf(token);
  if (args.length < 1) throw argumentError(className, method, 1, "string or JsReadableStream or Response");
  let content = args[0];
  const options = args[1];
  let stream;
  if (isReadableStream(content)) stream = content;
  else if (isResponse(content)) stream = responseBody(content);
  else content = `${content}`;
  let isHtml = false;
  if (options !== undefined && options !== null) {
    if (!isObject(options)) throw argumentError(className, method, 2, "ContentOptions");
    isHtml = !!options.html;
  }
  const rewriting = rewritingOf(token);
  if (stream === undefined) ops.insert(rewriting.native, place, content, isHtml);
  else if (!streamable) throw new TypeError(STRING_ONLY);
  else if (stream !== null) ops.insertStream(rewriting.native, place, rewriting.addStream(stream, isHtml));
  return token;
}

class Element {
  constructor(secret, rewriting) {
    lend(this, secret, rewriting);
  }

  get tagName() {
    return ops.name(nativeOf(this));
  }
  set tagName(value) {
    ops.setName(nativeOf(this), `${value}`);
  }

  get attributes() {
    return new AttributesIterator(kCreate, this, ops.attributes(nativeOf(this)));
  }

  get removed() {
    return ops.isRemoved(nativeOf(this));
  }

  get namespaceURI() {
    return ops.namespaceUri(nativeOf(this));
  }

  getAttribute(name) {
    const text = textArgument(arguments, 0, "Element", "getAttribute");
    return ops.getAttribute(nativeOf(this), text);
  }

  hasAttribute(name) {
    const text = textArgument(arguments, 0, "Element", "hasAttribute");
    return ops.hasAttribute(nativeOf(this), text);
  }

  setAttribute(name, value) {
    const text = textArgument(arguments, 0, "Element", "setAttribute");
    const content = textArgument(arguments, 1, "Element", "setAttribute");
    ops.setAttribute(nativeOf(this), text, content);
    stateOf(this).changes++;
    return this;
  }

  removeAttribute(name) {
    const text = textArgument(arguments, 0, "Element", "removeAttribute");
    ops.removeAttribute(nativeOf(this), text);
    stateOf(this).changes++;
    return this;
  }

  before(content, options) {
    return insert(this, "Element", "before", BEFORE, arguments);
  }

  after(content, options) {
    return insert(this, "Element", "after", AFTER, arguments);
  }

  prepend(content, options) {
    return insert(this, "Element", "prepend", PREPEND, arguments);
  }

  append(content, options) {
    return insert(this, "Element", "append", APPEND, arguments);
  }

  replace(content, options) {
    return insert(this, "Element", "replace", REPLACE, arguments);
  }

  remove() {
    ops.remove(nativeOf(this));
    return this;
  }

  removeAndKeepContent() {
    ops.removeAndKeepContent(nativeOf(this));
    return this;
  }

  setInnerContent(content, options) {
    return insert(this, "Element", "setInnerContent", INNER, arguments);
  }

  onEndTag(handler) {
    stateOf(this);
    if (typeof handler !== "function") throw argumentError("Element", "onEndTag", 1, "function");
    const rewriting = rewritingOf(this);
    ops.onEndTag(rewriting.native, rewriting.addEndTag(handler));
  }
}

/** Over the attributes as they were when it was made; it ends with its element and with any change of them. */
class AttributesIterator {
  #element;
  #changes;
  #flat;
  #at = 0;

  constructor(secret, element, flat) {
    if (secret !== kCreate) throw illegalConstructor();
    this.#element = element;
    this.#changes = stateOf(element).changes;
    this.#flat = flat;
  }

  next() {
    if (!isObject(this) || !(#at in this)) throw illegalInvocation();
    rewritingOf(this.#element);
    if (stateOf(this.#element).changes !== this.#changes) throw new Error(CHANGED);
    const flat = this.#flat;
    const at = this.#at;
    if (at >= flat.length) return { done: true, value: undefined };
    this.#at += 2;
    return { done: false, value: [flat[at], flat[at + 1]] };
  }

  [SymbolIterator]() {
    return this;
  }
}
ObjectSetPrototypeOf(AttributesIterator.prototype, IteratorPrototype);

class EndTag {
  constructor(secret, rewriting) {
    lend(this, secret, rewriting);
  }

  get name() {
    return ops.name(nativeOf(this));
  }
  set name(value) {
    ops.setName(nativeOf(this), `${value}`);
  }

  before(content, options) {
    return insert(this, "EndTag", "before", BEFORE, arguments);
  }

  after(content, options) {
    return insert(this, "EndTag", "after", AFTER, arguments);
  }

  remove() {
    ops.remove(nativeOf(this));
    return this;
  }
}

class Comment {
  constructor(secret, rewriting) {
    lend(this, secret, rewriting);
  }

  get text() {
    return ops.text(nativeOf(this));
  }
  set text(value) {
    ops.setText(nativeOf(this), `${value}`);
  }

  get removed() {
    return ops.isRemoved(nativeOf(this));
  }

  before(content, options) {
    return insert(this, "Comment", "before", BEFORE, arguments, false);
  }

  after(content, options) {
    return insert(this, "Comment", "after", AFTER, arguments, false);
  }

  replace(content, options) {
    return insert(this, "Comment", "replace", REPLACE, arguments, false);
  }

  remove() {
    ops.remove(nativeOf(this));
    return this;
  }
}

class Text {
  constructor(secret, rewriting) {
    lend(this, secret, rewriting);
  }

  get text() {
    return ops.text(nativeOf(this));
  }

  get lastInTextNode() {
    return ops.isLast(nativeOf(this));
  }

  get removed() {
    return ops.isRemoved(nativeOf(this));
  }

  before(content, options) {
    return insert(this, "Text", "before", BEFORE, arguments);
  }

  after(content, options) {
    return insert(this, "Text", "after", AFTER, arguments);
  }

  replace(content, options) {
    return insert(this, "Text", "replace", REPLACE, arguments);
  }

  remove() {
    ops.remove(nativeOf(this));
    return this;
  }
}

class Doctype {
  constructor(secret, rewriting) {
    lend(this, secret, rewriting);
  }

  get name() {
    return ops.name(nativeOf(this));
  }

  get publicId() {
    return ops.publicId(nativeOf(this));
  }

  get systemId() {
    return ops.systemId(nativeOf(this));
  }
}

class DocumentEnd {
  constructor(secret, rewriting) {
    lend(this, secret, rewriting);
  }

  append(content, options) {
    return insert(this, "DocumentEnd", "append", APPEND, arguments, false);
  }
}

const classes = [Element, Comment, Text, Doctype, DocumentEnd, EndTag];
for (let i = 0; i < classes.length; i++) defineInterface(classes[i]);
defineInterface(AttributesIterator);

exports.END_TAG = 5;
exports.expire = expire;
/** The token of a handler, by the kind that the parser tells. */
exports.makeToken = (kind, rewriting) => new classes[kind](kCreate, rewriting);
