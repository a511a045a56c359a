/*
 * How the inspector shows errors: the stack, improved by the real class name, indented, with the
 * frames shared with the error's cause folded. Called by inspect_values.
 */

const {
  ArrayIsArray,
  ArrayPrototypeIncludes,
  ArrayPrototypeIndexOf,
  ArrayPrototypePush,
  ArrayPrototypeSplice,
  ErrorPrototypeToString,
  RegExpPrototypeExec,
  StringPrototypeEndsWith,
  StringPrototypeIncludes,
  StringPrototypeIndexOf,
  StringPrototypeRepeat,
  StringPrototypeReplace,
  StringPrototypeReplaceAll,
  StringPrototypeSlice,
  StringPrototypeSplit,
  StringPrototypeStartsWith,
} = primordials;

const { Kind, kind } = require("console/introspect");

/** The text of an error; adds `cause` and `errors` to the keys, drops those the stack repeats. */
exports.formatError = function (ctx, error, constructor, tag, keys, prefixOf) {
  const name = error.name != null ? error.name : "Error";
  const raw = stackText(ctx, error);
  dropRepeatedKeys(ctx, keys, error, raw);
  if ("cause" in error && !ArrayPrototypeIncludes(keys, "cause")) ArrayPrototypePush(keys, "cause");
  if (ArrayIsArray(error.errors) && !ArrayPrototypeIncludes(keys, "errors")) {
    ArrayPrototypePush(keys, "errors");
  }

  let stack = withClassName(raw, constructor, name, tag, prefixOf);
  let from = (error.message && StringPrototypeIndexOf(stack, error.message)) || -1;
  if (from !== -1) from += error.message.length;
  const frames = StringPrototypeIndexOf(stack, "\n    at", from);
  if (frames === -1) {
    stack = `[${stack}]`;
  } else {
    const lines = foldCommonFrames(ctx, error, StringPrototypeSlice(stack, frames + 1));
    stack = StringPrototypeSlice(stack, 0, frames);
    for (let i = 0; i < lines.length; i++) stack += `\n${ctx.colors ? underlinePackages(ctx, lines[i]) : lines[i]}`;
  }
  if (ctx.indentationLvl !== 0) {
    stack = StringPrototypeReplaceAll(stack, "\n", `\n${StringPrototypeRepeat(" ", ctx.indentationLvl)}`);
  }
  return stack;
};

function stackText(ctx, error) {
  const { stack } = error;
  if (!stack) return ErrorPrototypeToString(error);
  return typeof stack === "string" ? stack : ctx.format(ctx, stack, NaN);
}

function dropRepeatedKeys(ctx, keys, error, stack) {
  if (ctx.showHidden || keys.length === 0) return;
  const names = ["name", "message", "stack"];
  for (let i = 0; i < names.length; i++) {
    const index = ArrayPrototypeIndexOf(keys, names[i]);
    const value = index === -1 ? undefined : error[names[i]];
    if (index !== -1 && (typeof value !== "string" || StringPrototypeIncludes(stack, value))) {
      ArrayPrototypeSplice(keys, index, 1);
    }
  }
}

/** "Error: x" of `class Foo extends Error` becomes "Foo: x". */
function withClassName(stack, constructor, name, tag, prefixOf) {
  if (typeof name !== "string") {
    const label = StringPrototypeSlice(prefixOf(constructor, tag, "Error"), 0, -1);
    stack = StringPrototypeReplace(stack, `${name}`, `${name} [${label}]`);
  }
  const isRegular =
    typeof name === "string" &&
    StringPrototypeEndsWith(name, "Error") &&
    StringPrototypeStartsWith(stack, name) &&
    (stack.length === name.length || stack[name.length] === ":" || stack[name.length] === "\n");
  if (constructor !== null && !isRegular) return stack;

  let length = typeof name === "string" ? name.length : 0;
  let fallback = "Error";
  if (constructor === null) {
    const found =
      RegExpPrototypeExec(/^([A-Z][a-z_ A-Z0-9[\]()-]+)(?::|\n {4}at)/, stack) ||
      RegExpPrototypeExec(/^([a-z_A-Z0-9-]*Error)$/, stack);
    fallback = (found && found[1]) || "";
    length = fallback.length;
    fallback ||= "Error";
  }
  const prefix = StringPrototypeSlice(prefixOf(constructor, tag, fallback), 0, -1);
  if (name === prefix) return stack;
  if (typeof name === "string" && StringPrototypeIncludes(prefix, name)) {
    return length === 0 ? `${prefix}: ${stack}` : `${prefix}${StringPrototypeSlice(stack, length)}`;
  }
  return `${prefix} [${typeof name === "string" ? name : `${name}`}]${StringPrototypeSlice(stack, length)}`;
}

/** The frames of an error, without the run it has in common with its cause. */
function foldCommonFrames(ctx, error, text) {
  const frames = StringPrototypeSplit(text, "\n");
  let cause;
  try {
    cause = error.cause;
  } catch {
    return frames;
  }
  if (cause == null || (kind(cause) !== Kind.Error && !(cause instanceof primordials.Error))) return frames;
  const causeStack = stackText(ctx, cause);
  const start = StringPrototypeIndexOf(causeStack, "\n    at");
  if (start === -1) return frames;
  const others = StringPrototypeSplit(StringPrototypeSlice(causeStack, start + 1), "\n");
  const { 0: length, 1: offset } = commonRun(frames, others);
  if (length > 3) {
    const skipped = length - 2;
    ArrayPrototypeSplice(
      frames,
      offset + 1,
      skipped,
      ctx.stylize(`    ... ${skipped} lines matching cause stack trace ...`, "undefined"),
    );
  }
  return frames;
}

/** Length and offset in `a` of the first run of more than three entries that `b` also has. */
function commonRun(a, b) {
  for (let i = 0; i < a.length - 3; i++) {
    const at = ArrayPrototypeIndexOf(b, a[i]);
    if (at === -1) continue;
    const rest = b.length - at;
    if (rest <= 3) continue;
    let length = 1;
    const max = primordials.MathMin(a.length - i, rest);
    while (length < max && a[i + length] === b[at + length]) length++;
    if (length > 3) return [length, i];
  }
  return [0, 0];
}

/** Underlines the package names in paths below node_modules. */
function underlinePackages(ctx, line) {
  return primordials.RegExpPrototypeSymbolReplace(
    /([/\\]node_modules[/\\])((?:@[^/\\]+[/\\])?[^/\\]+)(?=[/\\])/g,
    line,
    (_, folder, name) => `${folder}${ctx.stylize(name, "module")}`,
  );
}
