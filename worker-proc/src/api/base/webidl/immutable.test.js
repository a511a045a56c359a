// `immutable_api_prototypes`: nobody puts another prototype behind a global class.
import { strictEqual } from "node:assert";

const isWritable = (Class) => Object.getOwnPropertyDescriptor(Class, "prototype").writable;

export const prototypes = {
  test() {
    // Those that are there from the start, and one that is made when it is first asked for.
    for (const Class of [Headers, Response, EventTarget, URLPattern]) strictEqual(isWritable(Class), false, Class.name);
    strictEqual(isWritable(class extends Headers {}), false);
    strictEqual(isWritable(function () {}), true);
  },
};
