// Tells every name that the global object leads to: its own and inherited properties, what stands on those, and on their
// prototypes. For each its kind, and what may be done with it.

const MOST_STEPS = 4;

export function kindOf({ get, set, value }) {
  if (get || set) return `accessor${get ? " get" : ""}${set ? " set" : ""}`;
  if (typeof value === "function") return `function/${value.length}`;
  return value === null ? "null" : typeof value;
}

function describe(descriptor) {
  const { enumerable, configurable, writable } = descriptor;
  const may = [enumerable && "enumerable", configurable && "configurable", writable && "writable"].filter(Boolean);
  return [kindOf(descriptor), ...may].join(" ");
}

export const isObject = (value) => (typeof value === "object" && value !== null) || typeof value === "function";
export const nameOf = (path, key) => (typeof key === "symbol" ? `${path}[${key.description}]` : path === "" ? key : `${path}.${key}`);

function walk(object, path, above, tell) {
  const within = [...above, object];
  for (const key of Reflect.ownKeys(object)) {
    const descriptor = Reflect.getOwnPropertyDescriptor(object, key);
    const name = nameOf(path, key);
    tell(name, describe(descriptor));
    const { value } = descriptor;
    if (isObject(value) && key !== "constructor" && within.length < MOST_STEPS && !within.includes(value)) walk(value, name, within, tell);
  }
}

export default {
  test(controller, { date }) {
    const names = {};
    const tell = (name, description) => {
      names[name] = description;
    };
    for (let object = globalThis, path = ""; object !== Object.prototype; object = Object.getPrototypeOf(object), path += "^") {
      walk(object, path, path === "" ? [] : [globalThis], tell);
    }
    console.log(`SURFACE ${date} ${JSON.stringify(names)}`);
  },
};
