/*
 * node:path, posix and win32. Both are made from one set of functions over a description of the
 * platform's separators; the parts that differ (drives, UNC roots) are in `windowsRoot`.
 */

// own: posix, win32 (the module itself)
const {
  ArrayPrototypeFilter,
  ArrayPrototypeForEach,
  ArrayPrototypeJoin,
  ArrayPrototypeMap,
  ArrayPrototypePop,
  ArrayPrototypePush,
  ArrayPrototypeSlice,
  Boolean,
  MathMax,
  ObjectAssign,
  RegExp,
  RegExpPrototypeExec,
  RegExpPrototypeSymbolReplace,
  SafeSet,
  StringPrototypeEndsWith,
  StringPrototypeIncludes,
  StringPrototypeIndexOf,
  StringPrototypeLastIndexOf,
  StringPrototypeReplaceAll,
  StringPrototypeSlice,
  StringPrototypeSplit,
  StringPrototypeStartsWith,
  StringPrototypeToLowerCase,
  StringPrototypeToUpperCase,
} = primordials;
const { validateObject, validateString } = require("node/common/validators");

const isSlash = (char) => char === "/";
const isEitherSlash = (char) => char === "/" || char === "\\";
const isLetter = (char) => char !== undefined && RegExpPrototypeExec(/^[A-Za-z]$/, char) !== null;

/** As on workerd, whatever process.cwd() says. */
const WORKING_DIRECTORY = "/";

/** Resolves "." and ".." in a path without root; ".." above the start stays only if allowed. */
function normalizeSegments(path, mayClimb, separator, isSeparator) {
  const result = [];
  let segment = "";
  for (let i = 0; i <= path.length; i++) {
    if (i < path.length && !isSeparator(path[i])) {
      segment += path[i];
      continue;
    }
    if (segment === "..") {
      if (result.length > 0 && result[result.length - 1] !== "..") ArrayPrototypePop(result);
      else if (mayClimb) ArrayPrototypePush(result, "..");
    } else if (segment !== "" && segment !== ".") {
      ArrayPrototypePush(result, segment);
    }
    segment = "";
  }
  return ArrayPrototypeJoin(result, separator);
}

/**
 * The root of a Windows path: `{device, isAbsolute, length, isUnc}`, with `device` "C:" or "\\host\share".
 */
function windowsRoot(path) {
  const none = { device: "", isAbsolute: false, length: 0, isUnc: false };
  if (path.length === 0) return none;
  if (isEitherSlash(path[0])) {
    const single = { device: "", isAbsolute: true, length: 1, isUnc: false };
    if (path.length === 1 || !isEitherSlash(path[1])) return single;
    // "\\host\share\rest": both names are needed.
    let i = 2;
    while (i < path.length && !isEitherSlash(path[i])) i++;
    if (i === 2 || i === path.length) return single;
    const host = StringPrototypeSlice(path, 2, i);
    const gap = i;
    while (i < path.length && isEitherSlash(path[i])) i++;
    if (i === gap || i === path.length) return single;
    const start = i;
    while (i < path.length && !isEitherSlash(path[i])) i++;
    return { device: `\\\\${host}\\${StringPrototypeSlice(path, start, i)}`, isAbsolute: true, length: i, isUnc: true };
  }
  if (isLetter(path[0]) && path[1] === ":") {
    const isAbsolute = path.length > 2 && isEitherSlash(path[2]);
    return { device: StringPrototypeSlice(path, 0, 2), isAbsolute, length: isAbsolute ? 3 : 2, isUnc: false };
  }
  return none;
}

const reservedNames = new SafeSet([
  "CON",
  "PRN",
  "AUX",
  "NUL",
  "COM1",
  "COM2",
  "COM3",
  "COM4",
  "COM5",
  "COM6",
  "COM7",
  "COM8",
  "COM9",
  "LPT1",
  "LPT2",
  "LPT3",
  "LPT4",
  "LPT5",
  "LPT6",
  "LPT7",
  "LPT8",
  "LPT9",
]);

function isReserved(path, colon) {
  return reservedNames.has(StringPrototypeToUpperCase(StringPrototypeSlice(path, 0, colon)));
}

// The functions that both platforms share.

function basenameWith(isSeparator, hasDrives) {
  return function basename(path, suffix) {
    if (suffix !== undefined) validateString(suffix, "suffix");
    validateString(path, "path");
    let start = hasDrives && isLetter(path[0]) && path[1] === ":" ? 2 : 0;
    let end = path.length;
    while (end > start && isSeparator(path[end - 1])) end--;
    for (let i = end - 1; i >= start; i--) {
      if (isSeparator(path[i])) {
        start = i + 1;
        break;
      }
    }
    const name = StringPrototypeSlice(path, start, end);
    if (suffix === undefined || suffix.length === 0 || suffix.length > path.length) return name;
    if (suffix === path) return "";
    return StringPrototypeEndsWith(name, suffix) && name !== suffix ? StringPrototypeSlice(name, 0, -suffix.length) : name;
  };
}

/** Where the extension of a base name starts, -1 if it has none. */
function extensionStart(name) {
  const dot = StringPrototypeLastIndexOf(name, ".");
  return dot <= 0 || name === ".." ? -1 : dot;
}

function extnameWith(isSeparator, hasDrives) {
  const basename = basenameWith(isSeparator, hasDrives);
  return function extname(path) {
    validateString(path, "path");
    const name = basename(path);
    const dot = extensionStart(name);
    return dot === -1 ? "" : StringPrototypeSlice(name, dot);
  };
}

function formatWith(separator) {
  return function format(pathObject) {
    validateObject(pathObject, "pathObject");
    const directory = pathObject.dir || pathObject.root;
    const { ext } = pathObject;
    const dotted = ext ? `${ext[0] === "." ? "" : "."}${ext}` : "";
    const base = pathObject.base || `${pathObject.name || ""}${dotted}`;
    if (!directory) return base;
    return directory === pathObject.root ? `${directory}${base}` : `${directory}${separator}${base}`;
  };
}

function parsed(root, dir, base) {
  const dot = extensionStart(base);
  return {
    root,
    dir,
    base,
    ext: dot === -1 ? "" : StringPrototypeSlice(base, dot),
    name: dot === -1 ? base : StringPrototypeSlice(base, 0, dot),
  };
}

/** Turns a glob pattern into a regular expression over whole paths. */
function globToRegExp(pattern, isWindows) {
  const separator = isWindows ? "[\\\\/]" : "/";
  const notSeparator = isWindows ? "[^\\\\/]" : "[^/]";
  let source = "";
  let depth = 0;
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern[i];
    if (char === "*") {
      if (pattern[i + 1] === "*") {
        const isSegment =
          (i === 0 || isEitherSlash(pattern[i - 1])) && (i + 2 >= pattern.length || isEitherSlash(pattern[i + 2]));
        i++;
        if (!isSegment) source += `${notSeparator}*`;
        else if (i + 1 < pattern.length) {
          source += `(?:(?!\\.)${notSeparator}+${separator})*`;
          i++;
        } else source += ".*";
      } else {
        const atStart = i === 0 || isEitherSlash(pattern[i - 1]);
        source += `${atStart ? "(?!\\.)" : ""}${notSeparator}${atStart ? "+" : "*"}`;
      }
    } else if (char === "?") source += notSeparator;
    else if (char === "[") {
      const end = StringPrototypeIndexOf(pattern, "]", i + 2);
      if (end === -1) source += "\\[";
      else {
        const body = RegExpPrototypeSymbolReplace(/\\/g, StringPrototypeSlice(pattern, i + 1, end), "\\\\");
        source += `[${body[0] === "!" ? `^${StringPrototypeSlice(body, 1)}` : body}]`;
        i = end;
      }
    } else if (char === "{") {
      source += "(?:";
      depth++;
    } else if (char === "}" && depth > 0) {
      source += ")";
      depth--;
    } else if (char === "," && depth > 0) source += "|";
    else if (isWindows ? isEitherSlash(char) : char === "/") source += separator;
    else source += RegExpPrototypeSymbolReplace(/[.+^$()|\\\]{}]/, char, "\\$&");
  }
  return new RegExp(`^${source}$`, "s");
}

function matchesGlobWith(isWindows) {
  return function matchesGlob(path, pattern) {
    validateString(path, "path");
    validateString(pattern, "pattern");
    const normalize = (text) =>
      RegExpPrototypeSymbolReplace(/\/+/g, isWindows ? StringPrototypeReplaceAll(text, "\\", "/") : text, "/");
    return RegExpPrototypeExec(globToRegExp(normalize(pattern), isWindows), normalize(path)) !== null;
  };
}

const posix = {
  resolve(...paths) {
    let resolved = "";
    let isAbsolute = false;
    for (let i = paths.length - 1; i >= -1 && !isAbsolute; i--) {
      const path = i >= 0 ? paths[i] : WORKING_DIRECTORY;
      validateString(path, i >= 0 ? `paths[${i}]` : "cwd");
      if (path.length === 0) continue;
      resolved = `${path}/${resolved}`;
      isAbsolute = path[0] === "/";
    }
    resolved = normalizeSegments(resolved, !isAbsolute, "/", isSlash);
    if (isAbsolute) return `/${resolved}`;
    return resolved.length > 0 ? resolved : ".";
  },

  normalize(path) {
    validateString(path, "path");
    if (path.length === 0) return ".";
    const isAbsolute = path[0] === "/";
    const isFolder = path[path.length - 1] === "/";
    let result = normalizeSegments(path, !isAbsolute, "/", isSlash);
    if (result.length === 0) {
      if (isAbsolute) return "/";
      return isFolder ? "./" : ".";
    }
    if (isFolder) result += "/";
    return isAbsolute ? `/${result}` : result;
  },

  isAbsolute(path) {
    validateString(path, "path");
    return path[0] === "/";
  },

  join(...paths) {
    ArrayPrototypeForEach(paths, (path) => validateString(path, "path"));
    const joined = ArrayPrototypeJoin(
      ArrayPrototypeFilter(paths, (path) => path.length > 0),
      "/",
    );
    return joined.length === 0 ? "." : posix.normalize(joined);
  },

  relative(from, to) {
    validateString(from, "from");
    validateString(to, "to");
    if (from === to) return "";
    const source = posix.resolve(from);
    const target = posix.resolve(to);
    return source === target
      ? ""
      : climb(StringPrototypeSlice(source, 1), StringPrototypeSlice(target, 1), "/", (segment) => segment);
  },

  toNamespacedPath: (path) => path,

  dirname(path) {
    validateString(path, "path");
    if (path.length === 0) return ".";
    let end = path.length;
    while (end > 1 && path[end - 1] === "/") end--;
    const slash = StringPrototypeLastIndexOf(path, "/", end - 1);
    if (slash === -1 || (slash === end - 1 && end === 1)) return path[0] === "/" ? "/" : ".";
    if (slash === 0) return "/";
    if (slash === 1 && path[0] === "/") return "//";
    return StringPrototypeSlice(path, 0, slash);
  },

  basename: basenameWith(isSlash, false),
  extname: extnameWith(isSlash, false),
  format: formatWith("/"),

  parse(path) {
    validateString(path, "path");
    const root = path[0] === "/" ? "/" : "";
    const base = posix.basename(path);
    let end = path.length;
    while (end > root.length && path[end - 1] === "/") end--;
    const dir = StringPrototypeSlice(path, 0, end - base.length);
    return parsed(root, dir.length > root.length ? StringPrototypeSlice(dir, 0, -1) : dir || root, base);
  },

  matchesGlob: matchesGlobWith(false),
  sep: "/",
  delimiter: ":",
};

/** The way from one folder to another, both without roots: up to what they share, then down. */
function climb(from, to, separator, fold) {
  const source = ArrayPrototypeFilter(StringPrototypeSplit(from, separator), (segment) => segment !== "");
  const target = ArrayPrototypeFilter(StringPrototypeSplit(to, separator), (segment) => segment !== "");
  let common = 0;
  while (common < source.length && common < target.length && fold(source[common]) === fold(target[common])) common++;
  const steps = ArrayPrototypeMap(ArrayPrototypeSlice(source, common), () => "..");
  for (let i = common; i < target.length; i++) ArrayPrototypePush(steps, target[i]);
  return ArrayPrototypeJoin(steps, separator);
}

const win32 = {
  resolve(...paths) {
    let device = "";
    let tail = "";
    let isAbsolute = false;
    for (let i = paths.length - 1; i >= -1; i--) {
      let path;
      if (i >= 0) {
        path = paths[i];
        validateString(path, `paths[${i}]`);
        if (path.length === 0) continue;
      } else {
        path = WORKING_DIRECTORY;
      }
      const root = windowsRoot(path);
      if (root.device.length > 0) {
        if (device.length > 0) {
          if (StringPrototypeToLowerCase(root.device) !== StringPrototypeToLowerCase(device)) continue;
        } else {
          device = root.device;
        }
      }
      if (isAbsolute) {
        if (device.length > 0) break;
      } else {
        tail = `${StringPrototypeSlice(path, root.length)}\\${tail}`;
        isAbsolute = root.isAbsolute;
        if (isAbsolute && device.length > 0) break;
      }
    }
    tail = normalizeSegments(tail, !isAbsolute, "\\", isEitherSlash);
    return isAbsolute ? `${device}\\${tail}` : `${device}${tail}` || ".";
  },

  normalize(path) {
    validateString(path, "path");
    if (path.length === 0) return ".";
    if (path.length === 1) return path === "/" ? "\\" : path;
    const root = windowsRoot(path);
    if (root.isUnc && root.length === path.length) return `${root.device}\\`;
    let tail =
      root.length < path.length
        ? normalizeSegments(StringPrototypeSlice(path, root.length), !root.isAbsolute, "\\", isEitherSlash)
        : "";
    if (tail.length === 0 && !root.isAbsolute) tail = ".";
    if (tail.length > 0 && isEitherSlash(path[path.length - 1])) tail += "\\";
    if (!root.isAbsolute && root.device === "" && StringPrototypeIncludes(path, ":")) {
      // "./c:x" must not become a drive.
      if (isLetter(tail[0]) && tail[1] === ":") return `.\\${tail}`;
      let colon = StringPrototypeIndexOf(path, ":");
      do {
        if (colon === path.length - 1 || isEitherSlash(path[colon + 1])) return `.\\${tail}`;
        colon = StringPrototypeIndexOf(path, ":", colon + 1);
      } while (colon !== -1);
    }
    const colon = StringPrototypeIndexOf(path, ":");
    if (colon !== -1 && isReserved(path, colon)) return `.\\${root.device}${tail}`;
    if (root.device === "") return root.isAbsolute ? `\\${tail}` : tail;
    return root.isAbsolute ? `${root.device}\\${tail}` : `${root.device}${tail}`;
  },

  isAbsolute(path) {
    validateString(path, "path");
    return isEitherSlash(path[0]) || (isLetter(path[0]) && path[1] === ":" && isEitherSlash(path[2]));
  },

  join(...paths) {
    ArrayPrototypeForEach(paths, (path) => validateString(path, "path"));
    const parts = ArrayPrototypeFilter(paths, (path) => path.length > 0);
    if (parts.length === 0) return ".";
    let joined = ArrayPrototypeJoin(parts, "\\");
    // Two leading slashes make a UNC path only if the first argument has exactly those.
    let slashes = 0;
    while (isEitherSlash(joined[slashes])) slashes++;
    const first = parts[0];
    const isUnc = isEitherSlash(first[0]) && isEitherSlash(first[1]) && first.length > 2 && !isEitherSlash(first[2]);
    if (!isUnc && slashes >= 2) joined = `\\${StringPrototypeSlice(joined, slashes)}`;
    return win32.normalize(joined);
  },

  relative(from, to) {
    validateString(from, "from");
    validateString(to, "to");
    if (from === to) return "";
    const source = win32.resolve(from);
    const target = win32.resolve(to);
    if (StringPrototypeToLowerCase(source) === StringPrototypeToLowerCase(target)) return "";
    const sourceRoot = windowsRoot(source);
    const targetRoot = windowsRoot(target);
    if (StringPrototypeToLowerCase(sourceRoot.device) !== StringPrototypeToLowerCase(targetRoot.device)) {
      return sourceRoot.isUnc || targetRoot.isUnc ? relativeUnc(source, target) : target;
    }
    return climb(
      StringPrototypeSlice(source, sourceRoot.length),
      StringPrototypeSlice(target, targetRoot.length),
      "\\",
      (s) => StringPrototypeToLowerCase(s),
    );
  },

  toNamespacedPath(path) {
    if (typeof path !== "string" || path.length === 0) return path;
    const resolved = win32.resolve(path);
    if (resolved.length <= 2) return path;
    if (StringPrototypeStartsWith(resolved, "\\\\")) {
      return resolved[2] === "?" || resolved[2] === "." ? resolved : `\\\\?\\UNC\\${StringPrototypeSlice(resolved, 2)}`;
    }
    return isLetter(resolved[0]) && resolved[1] === ":" && resolved[2] === "\\" ? `\\\\?\\${resolved}` : resolved;
  },

  dirname(path) {
    validateString(path, "path");
    if (path.length === 0) return ".";
    if (path.length === 1) return isEitherSlash(path[0]) ? path : ".";
    const root = windowsRoot(path);
    let { length } = root;
    if (root.isUnc && root.length === path.length) return path;
    if (root.isUnc) length++;
    let end = path.length;
    while (end > length && isEitherSlash(path[end - 1])) end--;
    for (let i = end - 1; i >= length; i--) {
      if (isEitherSlash(path[i])) {
        return StringPrototypeSlice(path, 0, MathMax(i, length));
      }
    }
    return length === 0 ? "." : StringPrototypeSlice(path, 0, length);
  },

  basename: basenameWith(isEitherSlash, true),
  extname: extnameWith(isEitherSlash, true),
  format: formatWith("\\"),

  parse(path) {
    validateString(path, "path");
    const info = windowsRoot(path);
    let length = info.length;
    if (info.isUnc && isEitherSlash(path[length])) length++;
    const root = StringPrototypeSlice(path, 0, length);
    let end = path.length;
    while (end > length && isEitherSlash(path[end - 1])) end--;
    let start = end;
    while (start > length && !isEitherSlash(path[start - 1])) start--;
    const base = StringPrototypeSlice(path, start, end);
    return parsed(root, start > length ? StringPrototypeSlice(path, 0, start - 1) : root, base);
  },

  matchesGlob: matchesGlobWith(true),
  sep: "\\",
  delimiter: ";",
};

/** Between UNC paths the host and share count as segments too. */
function relativeUnc(source, target) {
  const fold = (segment) => StringPrototypeToLowerCase(segment);
  const a = ArrayPrototypeFilter(StringPrototypeSplit(source, "\\"), Boolean);
  const b = ArrayPrototypeFilter(StringPrototypeSplit(target, "\\"), Boolean);
  if (a.length === 0 || b.length === 0 || fold(a[0]) !== fold(b[0])) return target;
  return climb(source, target, "\\", fold);
}

for (let i = 0, platforms = [posix, win32]; i < platforms.length; i++) {
  const platform = platforms[i];
  platform.posix = posix;
  platform.win32 = win32;
  // The old name of `toNamespacedPath`.
  platform._makeLong = platform.toNamespacedPath;
}

ObjectAssign(exports, posix, { default: posix, win32: { ...win32 } });
exports.win32 = win32;
