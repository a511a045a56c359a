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
  json: async () => (await new Response("[" + "{},".repeat(5_000_000) + "1]").json()).length,
  parsed: () => attempt(() => JSON.parse("[" + "{},".repeat(5_000_000) + "1]").length),
  // It may be as long as the heap.
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
      structuredClone(buffer).maxByteLength,
    ].join();
  },
};

export default {
  async fetch(request, env) {
    const name = new URL(request.url).pathname.slice(1);
    return new Response(String(name in paths ? await paths[name](env, request) : "fine"));
  },
};
