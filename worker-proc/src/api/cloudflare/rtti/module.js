/* The module `workerd:rtti`. */
const { TypedArrayPrototypeGetBuffer } = primordials;
const { argumentError, defineInterface, illegalConstructor, illegalInvocation, toArray, toDOMString } = require("webidl");
const { isProxy } = require("structured_clone/prepare");

const inside = { __proto__: null };

class RTTIModule {
  #token;

  constructor(token) {
    if (token !== inside) throw illegalConstructor();
    this.#token = token;
  }

  exportTypes() {
    if (!(#token in this)) throw illegalInvocation();
    if (arguments.length < 1) throw argumentError("RTTIModule", "exportTypes", 1, "string");
    const date = toDOMString(arguments[0]);
    const flags = isProxy(arguments[1]) ? undefined : toArray(arguments[1], toDOMString);
    if (flags === undefined) throw argumentError("RTTIModule", "exportTypes", 2, "Array");
    return TypedArrayPrototypeGetBuffer(ops.types(date, flags));
  }

  exportExperimentalTypes() {
    if (!(#token in this)) throw illegalInvocation();
    return TypedArrayPrototypeGetBuffer(ops.experimentalTypes());
  }
}
defineInterface(RTTIModule);

exports.module = { __proto__: null, default: new RTTIModule(inside) };
