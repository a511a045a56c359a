/*
 * `glob`: patterns with braces, classes, `*`, `?`, `**` and the groups of extended globs, over the tree. `*` also stands for names that
 * begin with a dot; links are not followed.
 */

const {
  ArrayFrom,
  ArrayIsArray,
  ArrayPrototypeJoin,
  ArrayPrototypeMap,
  ArrayPrototypePop,
  ArrayPrototypePush,
  ArrayPrototypeSlice,
  RangeError,
  RegExp,
  RegExpPrototypeExec,
  RegExpPrototypeSymbolReplace,
  SafeMap,
  SafeSet,
  StringPrototypeIncludes,
  StringPrototypeSlice,
  StringPrototypeSplit,
  SymbolIterator,
  TypeError,
} = primordials;
const { workingDirectory } = require("file_system/tree");
const { validateObject, validateString } = require("node/common/validators");
const { toHref } = require("node/fs/arguments");
const { constants } = require("node/fs/constants");
const { Dirent } = require("node/fs/dir");
const { readDirectory } = require("node/fs/operations");
const { currentURL } = require("url");

/** Folders below one another that a pattern leads through. */
const MAX_DEPTH = 256;
const MAX_PATTERN_CHARS = 65536;
/** Patterns that one with braces may stand for. */
const MAX_PATTERNS = 65536;

/** The place of the bracket that ends what begins at `from`; -1 if there is none. */
function closing(text, from, open, close) {
  let depth = 0;
  for (let i = from; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === open) depth++;
    else if (text[i] === close && --depth === 0) return i;
  }
  return -1;
}

/** The parts between separators that stand in no brackets. */
function splitOutside(text, separator) {
  const parts = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === "\\") i++;
    else if (char === "{" || char === "(") depth++;
    else if (char === "}" || char === ")") depth--;
    else if (char === separator && depth === 0) {
      ArrayPrototypePush(parts, StringPrototypeSlice(text, start, i));
      start = i + 1;
    }
  }
  ArrayPrototypePush(parts, StringPrototypeSlice(text, start));
  return parts;
}

/** Adds to `all` what a pattern stands for once its braces are alternatives; braces around one thing stay. */
function expandBraces(pattern, all = []) {
  let at = 0;
  while (at < pattern.length && pattern[at] !== "{") at += pattern[at] === "\\" ? 2 : 1;
  const end = at < pattern.length ? closing(pattern, at, "{", "}") : -1;
  const choices = end === -1 ? [] : splitOutside(StringPrototypeSlice(pattern, at + 1, end), ",");
  if (choices.length < 2) {
    if (all.length === MAX_PATTERNS) throw new RangeError("The braces of a pattern have too many alternatives");
    ArrayPrototypePush(all, pattern);
    return all;
  }
  const before = StringPrototypeSlice(pattern, 0, at);
  const after = StringPrototypeSlice(pattern, end + 1);
  for (let i = 0; i < choices.length; i++) expandBraces(`${before}${choices[i]}${after}`, all);
  return all;
}

/** The names of a pattern; `**` after itself says nothing new. */
function segmentsOf(pattern) {
  const all = StringPrototypeSplit(pattern, "/");
  const segments = [];
  for (let i = 0; i < all.length; i++) {
    const isRepeated = all[i] === "**" && segments[segments.length - 1] === "**";
    if (all[i] !== "" && !isRepeated && !(i === 0 && all[i] === ".")) ArrayPrototypePush(segments, all[i]);
  }
  return segments;
}

const GROUPS = { __proto__: null, "@": ")", "*": ")*", "+": ")+", "?": ")?" };
const isSpecial = (char) => StringPrototypeIncludes(".+^$|(){}[]*?/\\", char);
const escape = (char) => (isSpecial(char) ? `\\${char}` : char);

/** The source of an expression for one name. */
function expressionOf(segment) {
  let source = "";
  let i = 0;
  while (i < segment.length) {
    const char = segment[i];
    const end = segment[i + 1] === "(" && StringPrototypeIncludes("@*+?!", char) ? closing(segment, i + 1, "(", ")") : -1;
    if (char === "\\" && i + 1 < segment.length) {
      source += escape(segment[i + 1]);
      i += 2;
    } else if (end !== -1) {
      source += groupOf(char, StringPrototypeSlice(segment, i + 2, end));
      i = end + 1;
    } else if (char === "[") {
      const { 0: text, 1: next } = classOf(segment, i);
      source += text;
      i = next;
    } else {
      source += char === "*" ? "[^/]*" : char === "?" ? "[^/]" : escape(char);
      i++;
    }
  }
  return source;
}

function groupOf(kind, inner) {
  const choices = ArrayPrototypeJoin(ArrayPrototypeMap(splitOutside(inner, "|"), expressionOf), "|");
  return kind === "!" ? `(?!(?:${choices})$)[^/]*` : `(?:${choices}${GROUPS[kind]}`;
}

/** A class of characters that begins at `from`, and the place after it. */
function classOf(segment, from) {
  let source = "[";
  let i = from + 1;
  if (segment[i] === "!") {
    source += "^";
    i++;
  }
  while (i < segment.length && segment[i] !== "]") {
    const isEscape = segment[i] === "\\" && i + 1 < segment.length;
    source += isEscape ? `\\${segment[i + 1]}` : segment[i];
    i += isEscape ? 2 : 1;
  }
  return [i < segment.length ? `${source}]` : source, i + 1];
}

const isSteps = (segment) => segment === "**" || segment === "." || segment === "..";

/** An expression for whole paths, of a pattern that says what to leave out. */
function pathExpression(pattern) {
  const parts = [];
  const segments = segmentsOf(pattern);
  for (let i = 0; i < segments.length; i++) {
    if (segments[i] === "..") ArrayPrototypePop(parts);
    else if (segments[i] !== ".") ArrayPrototypePush(parts, segments[i]);
  }
  let source = "";
  const last = parts.length - 1;
  for (let i = 0; i < parts.length; i++) {
    if (parts[i] !== "**") source += `${i > 0 && parts[i - 1] !== "**" ? "\\/" : ""}${expressionOf(parts[i])}`;
    else if (last === 0) source += ".*";
    else if (i === 0) source += "(?:.*\\/)?";
    else source += i === last ? "(?:\\/.*)?" : "(?:\\/[^/]+)*(?:\\/)?";
  }
  return new RegExp(`^${source}$`);
}

/** A walk along one pattern after another; finds each path once. */
class Walk {
  found = new SafeMap();
  #root;
  #segments;
  #expressions;
  #been;
  #entries = new SafeMap();

  constructor(root) {
    this.#root = root;
  }

  follow(segments) {
    if (segments.length === 0) return;
    this.#segments = segments;
    this.#been = new SafeSet();
    this.#expressions = ArrayPrototypeMap(segments, (segment) =>
      isSteps(segment) ? undefined : new RegExp(`^${expressionOf(segment)}$`),
    );
    this.#go(0, [], constants.UV_DIRENT_DIR);
  }

  /** From the folder or file that `names` lead to, with the segment at `index` next. */
  #go(index, names, type) {
    const path = ArrayPrototypeJoin(names, "/");
    if (index === this.#segments.length) {
      if (path !== "" && !this.found.has(path)) this.found.set(path, type);
      return;
    }
    if (names.length > MAX_DEPTH) return;
    const segment = this.#segments[index];
    if (segment === ".") this.#go(index + 1, names, type);
    else if (segment === "..") {
      if (names.length > 0) this.#go(index + 1, ArrayPrototypeSlice(names, 0, -1), constants.UV_DIRENT_DIR);
    } else if (segment === "**") this.#goDeep(index, names, path, type);
    else {
      this.#each(path, (entry) => {
        if (RegExpPrototypeExec(this.#expressions[index], entry.name) === null) return;
        this.#go(index + 1, inside(names, entry), entry.type);
      });
    }
  }

  #goDeep(index, names, path, type) {
    const step = `${index}:${path}`;
    if (this.#been.has(step)) return;
    this.#been.add(step);
    this.#go(index + 1, names, type);
    this.#each(path, (entry) => {
      const inner = inside(names, entry);
      this.#go(index + 1, inner, entry.type);
      if (entry.type === constants.UV_DIRENT_DIR) this.#go(index, inner, entry.type);
    });
  }

  #each(path, callback) {
    let entries = this.#entries.get(path);
    if (entries === undefined) {
      try {
        entries = readDirectory(toHref(path === "" ? this.#root : `${this.#root}/${path}`), false);
      } catch {
        entries = [];
      }
      this.#entries.set(path, entries);
    }
    for (let i = 0; i < entries.length; i++) callback(entries[i]);
  }
}

function inside(names, entry) {
  const inner = ArrayPrototypeSlice(names);
  ArrayPrototypePush(inner, entry.name);
  return inner;
}

/** What `exclude` says of a path; a function is asked with what would be given. */
function toExcluded(exclude) {
  if (typeof exclude === "function") return (_, given) => exclude(given);
  if (!ArrayIsArray(exclude)) return () => false;
  const expressions = [];
  for (let i = 0; i < exclude.length; i++) {
    const patterns = expandBraces(exclude[i]);
    for (let j = 0; j < patterns.length; j++) ArrayPrototypePush(expressions, pathExpression(patterns[j]));
  }
  return (path) => {
    for (let i = 0; i < expressions.length; i++) if (RegExpPrototypeExec(expressions[i], path) !== null) return true;
    return false;
  };
}

function toDirent(path, type, root) {
  const names = StringPrototypeSplit(path, "/");
  const name = ArrayPrototypePop(names);
  return new Dirent(name, type, names.length === 0 ? root : `${root}/${ArrayPrototypeJoin(names, "/")}`);
}

exports.globSync = function (pattern, options) {
  const isText = typeof pattern === "string";
  if (!isText && typeof pattern?.[SymbolIterator] !== "function") throw new TypeError("pattern is not iterable");
  const patterns = isText ? [pattern] : ArrayFrom(pattern);
  for (let i = 0; i < patterns.length; i++) {
    validateString(patterns[i], "pattern");
    if (patterns[i].length > MAX_PATTERN_CHARS) throw new RangeError("A pattern is too long");
  }
  validateObject(options, "options");
  const { cwd, withFileTypes, exclude } = options;
  const root = cwd instanceof currentURL() ? cwd.pathname : (cwd ?? workingDirectory());
  validateString(root, "options.cwd");
  const isExcluded = toExcluded(exclude);

  const walk = new Walk(RegExpPrototypeSymbolReplace(/\/$/, root, ""));
  for (let i = 0; i < patterns.length; i++) {
    const expanded = expandBraces(patterns[i]);
    for (let j = 0; j < expanded.length; j++) walk.follow(segmentsOf(expanded[j]));
  }

  const results = [];
  walk.found.forEach((type, path) => {
    const given = withFileTypes ? toDirent(path, type, root) : path;
    if (!isExcluded(path, given)) ArrayPrototypePush(results, given);
  });
  return results;
};
