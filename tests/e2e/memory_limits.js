// What takes memory that V8 counts elsewhere than the rest, or makes much of it in one step.
const GIB = 1 << 30;
const fill = (buffer) => new Uint8Array(buffer).fill(1).length;
const attempt = (make) => {
  try {
    return make();
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
};

const long = (least) => {
  let text = "x";
  while (text.length < least) text += text;
  return text;
};
const grown = (bytes) => {
  const buffer = new ArrayBuffer(0, { maxByteLength: bytes });
  buffer.resize(bytes);
  fill(buffer);
  return buffer;
};
/** As many of them as there may be. */
const pile = (make) => {
  const all = [];
  return attempt(() => {
    while (all.length < 60) all.push(make());
    return all.length;
  });
};

/** A native body of 40 MiB. */
const flowing = () => {
  const { readable, writable } = new IdentityTransformStream();
  const write = async () => {
    const writer = writable.getWriter();
    const chunk = new Uint8Array(1 << 20);
    for (let i = 0; i < 40; i++) await writer.write(chunk);
    await writer.close();
  };
  write().catch(() => {});
  return new Response(readable);
};

const paths = {
  resizable: () => attempt(() => fill(new ArrayBuffer(0, { maxByteLength: GIB }).resize(GIB))),
  resizableAtOnce: () => attempt(() => fill(new ArrayBuffer(GIB, { maxByteLength: GIB }))),
  resizableSubclass: () => attempt(() => fill(new (class extends ArrayBuffer {})(GIB, { maxByteLength: GIB }))),
  resizableByInstance: () => attempt(() => fill(new (new Uint8Array(1).buffer.constructor)(GIB, { maxByteLength: GIB }))),
  growable: () => attempt(() => fill(new SharedArrayBuffer(GIB, { maxByteLength: GIB }))),
  shared: () => attempt(() => fill(new SharedArrayBuffer(GIB))),
  plain: () => attempt(() => fill(new ArrayBuffer(GIB))),
  many: () => {
    const all = [];
    return attempt(() => {
      for (;;) {
        const buffer = new ArrayBuffer(0, { maxByteLength: 1 << 24 });
        buffer.resize(1 << 24);
        fill(buffer);
        all.push(buffer);
      }
    });
  },
  transferred: () => pile(() => grown(1 << 24).transfer()),
  transferredToShorter: () => pile(() => grown(1 << 24).transfer(1 << 23)),
  transferredToFixed: () => pile(() => grown(1 << 24).transferToFixedLength()),
  cloned: () => {
    const buffer = grown(1 << 24);
    return pile(() => structuredClone(buffer));
  },
  clonedThenGrown: () => {
    const buffer = new ArrayBuffer(0, { maxByteLength: 1 << 24 });
    return pile(() => {
      const clone = structuredClone(buffer);
      clone.resize(1 << 24);
      fill(clone);
      return clone;
    });
  },
  clonedShared: () =>
    pile(() => {
      const clone = structuredClone(new SharedArrayBuffer(1 << 24, { maxByteLength: 1 << 24 }));
      fill(clone);
      return clone;
    }),
  clonedByTransfer: () =>
    pile(() => {
      const buffer = grown(1 << 24);
      return structuredClone(buffer, { transfer: [buffer] });
    }),
  memory: () => attempt(() => fill(new WebAssembly.Memory({ initial: GIB >> 16 }).buffer)),
  memoryGrown: () =>
    attempt(() => {
      const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536 });
      memory.grow(GIB >> 16);
      return fill(memory.buffer);
    }),
  repeated: () => attempt(() => "x".repeat(500_000_000).split("").length),
  padded: () => attempt(() => [..."x".padEnd(500_000_000)].length),
  summed: () => {
    let text = "x";
    while (text.length < 200_000_000) text += text;
    return attempt(() => text.split("").length);
  },
  matched: () => {
    let text = "x";
    while (text.length < 200_000_000) text += text;
    return attempt(() => text.match(/x/g).length);
  },
  splitObject: () => attempt(() => String.prototype.split.call(new String(long(2e8)), "").length),
  splitByRegExp: () => attempt(() => long(2e8).split(/(?:)/).length),
  splitByGroups: () => attempt(() => long(4e6).split(new RegExp("()".repeat(1000))).length),
  splitBySymbol: () => attempt(() => RegExp.prototype[Symbol.split].call(/(?:)/, { toString: () => long(2e8) }).length),
  matchedBySymbol: () => attempt(() => /./g[Symbol.match](long(2e8)).length),
  replacedByRegExp: () => attempt(() => long(2e8).replace(/./g, "y").length),
  replacedByParts: () => attempt(() => "x".repeat(5000).replace(/()./g, "$1".repeat(1e6)).length),
  repeatedObject: () => attempt(() => "x".repeat({ valueOf: () => 5e8 }).length),
  splitAtFew: () => {
    const text = `${"x".repeat(5e6)},`.repeat(4);
    return [text.split(",").length, text.split("", 3).length, text.match(/x/).length, text.replace(/^x/, "").length].join();
  },
  sorted: () => attempt(() => Array.prototype.toSorted.call({ length: 2e8 })),
  sortedLater: () => {
    let at = 0;
    return attempt(() => Array.prototype.toSorted.call({ get length() { return at++ === 0 ? 2 : 2e8; }, 0: 2, 1: 1 }).join());
  },
  async bodies() {
    const all = await Promise.allSettled([1, 2, 3, 4, 5, 6, 7, 8].map(() => flowing().arrayBuffer()));
    return all.map((one) => one.reason).find((reason) => reason !== undefined);
  },
  async clones() {
    const kept = [];
    const read = async () => {
      const body = flowing();
      kept.push(body.clone());
      for await (const chunk of body.body) void chunk;
    };
    const all = await Promise.allSettled([1, 2, 3, 4].map(read));
    return `${all.map((one) => one.reason).find((reason) => reason !== undefined)} ${kept.length}`;
  },
  async cloneReadAlong() {
    const one = flowing();
    const other = one.clone();
    const count = async (body) => {
      let bytes = 0;
      for await (const chunk of body.body) bytes += chunk.length;
      return bytes;
    };
    return (await Promise.all([count(one), count(other)])).join();
  },
  json: async () => (await new Response("[" + "{},".repeat(5_000_000) + "1]").json()).length,
  parsed: () => attempt(() => JSON.parse("[" + "{},".repeat(5_000_000) + "1]").length),
  // It may be as long as the heap.
  parsedObject: () => attempt(() => JSON.parse({ toString: () => "[" + "{},".repeat(5_000_000) + "1]" }).length),
  long_json: () => JSON.parse(JSON.stringify(["{[,".repeat(5_000_000)]))[0].length,
  // What comes and goes, and is never too much at a time.
  let_go() {
    for (let i = 0; i < 40; i++) {
      new ArrayBuffer(1 << 20, { maxByteLength: 1 << 24 });
      new SharedArrayBuffer(1 << 20, { maxByteLength: 1 << 24 });
    }
    return new ArrayBuffer(5, { maxByteLength: 10 }).resizable;
  },
  is_as_ever() {
    const buffer = new ArrayBuffer(5, { get maxByteLength() { return "10"; } });
    const class1 = class extends ArrayBuffer {};
    return [
      buffer instanceof ArrayBuffer, buffer.constructor === ArrayBuffer, buffer.maxByteLength, ArrayBuffer.name, ArrayBuffer.length,
      ArrayBuffer.isView(new Uint8Array(buffer)), new class1(3) instanceof class1, new Uint8Array(2).buffer instanceof ArrayBuffer,
      buffer.slice(1) instanceof ArrayBuffer, ArrayBuffer[Symbol.species] === ArrayBuffer, JSON.parse.name, JSON.parse('[1,2]', (k, v) => v).length, attempt(() => JSON.parse()), "ab".repeat(2), "ab".split.name,
      attempt(() => ArrayBuffer(1)), attempt(() => new ArrayBuffer(5, { maxByteLength: 3 })), attempt(() => "a".repeat(-1)), attempt(() => "a".repeat(1n)),
      structuredClone(buffer).maxByteLength, buffer.transfer().maxByteLength, ArrayBuffer.prototype.transfer.name,
      RegExp.prototype[Symbol.replace].name, "a-b".replace(/(-)/, "$1$1"), "abab".replace(/a/g, (a, at) => at), "abab".match(/b/g), "a1b".split(/(\d)/),
      "abc".split(), "a,b".split(",", 1), "a0b".split(0), attempt(() => "a".match(Symbol())), attempt(() => "".split.call(null)),
      attempt(() => RegExp.prototype[Symbol.split].call(1)), "undefined".match(), attempt(() => "a".matchAll(/a/)), "aa".replaceAll("a", "b"),
      Array.prototype.toSorted.name, Array.prototype.toSorted.length, [3, 1, , 2].toSorted(), [1, 2].toSorted((a, b) => b - a), attempt(() => [].toSorted(1)),
      attempt(() => [].toSorted.call(null)), [].toSorted.call({ length: "2", 0: "b", 1: "a" }), [].toSorted.call("cab"),
    ].join();
  },
};

export default {
  async fetch(request, env) {
    const name = new URL(request.url).pathname.slice(1);
    return new Response(String(name in paths ? await paths[name](env, request) : "fine"));
  },
};
