/*
 * Reading and writing numbers in a Buffer: `readUInt16LE`, `writeDoubleBE` and the like, as the
 * methods of one object that `node:buffer` copies to Buffer.prototype.
 */

const {
  ArrayBuffer,
  DataView,
  DataViewPrototypeGetBigInt64,
  DataViewPrototypeGetBigUint64,
  DataViewPrototypeGetFloat32,
  DataViewPrototypeGetFloat64,
  DataViewPrototypeGetUint8,
  DataViewPrototypeSetBigUint64,
  DataViewPrototypeSetFloat32,
  DataViewPrototypeSetFloat64,
  DataViewPrototypeSetUint8,
  MathFloor,
  NumberIsInteger,
  ObjectDefineProperty,
  TypeError,
} = primordials;
const { ERR_BUFFER_OUT_OF_BOUNDS, ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE } = require("node/common/errors");

function checkOffset(value, name, max) {
  if (typeof value !== "number") throw new ERR_INVALID_ARG_TYPE(name, "number", value);
  if (!NumberIsInteger(value)) throw new ERR_OUT_OF_RANGE(name, "an integer", value);
  if (value < 0 || value > max) throw new ERR_OUT_OF_RANGE(name, `>= 0 && <= ${max}`, value);
}

function outOfBounds(value, max, name) {
  if (MathFloor(value) !== value) throw new ERR_OUT_OF_RANGE(name ?? "offset", "an integer", value);
  if (max < 0) throw new ERR_BUFFER_OUT_OF_BOUNDS();
  throw new ERR_OUT_OF_RANGE(name ?? "offset", `>= ${name ? 1 : 0} and <= ${max}`, value);
}

/** Throws unless `count` bytes from `offset` lie in the buffer. */
function checkBytes(buffer, offset, count) {
  checkOffset(offset, "offset", buffer.length);
  if (offset + count > buffer.length) outOfBounds(offset, buffer.length - count);
}

function readUnsigned(buffer, offset, count, isLittle) {
  checkBytes(buffer, offset, count);
  let value = 0;
  if (isLittle) for (let i = count - 1; i >= 0; i--) value = value * 256 + buffer[offset + i];
  else for (let i = 0; i < count; i++) value = value * 256 + buffer[offset + i];
  return value;
}

function readSigned(buffer, offset, count, isLittle) {
  const value = readUnsigned(buffer, offset, count, isLittle);
  return value >= 2 ** (8 * count - 1) ? value - 2 ** (8 * count) : value;
}

function checkRange(value, min, max, count) {
  if (value <= max && value >= min) return;
  const n = typeof min === "bigint" ? "n" : "";
  const bits = 8 * count;
  let range = `>= ${min}${n} and <= ${max}${n}`;
  if (count > 4) {
    range =
      min === 0 || min === 0n
        ? `>= 0${n} and < 2${n} ** ${bits}${n}`
        : // The upper bound is no BigInt there either.
          `>= -(2${n} ** ${bits - 1}${n}) and < 2 ** ${bits - 1}${n}`;
  }
  throw new ERR_OUT_OF_RANGE("value", range, value);
}

function writeInteger(buffer, value, offset, count, isLittle, min, max) {
  value = +value;
  checkOffset(offset, "offset", buffer.length);
  checkRange(value, min, max, count);
  checkBytes(buffer, offset, count);
  // Two halves, so that the shifts stay within 32 bits.
  let low = value >>> 0;
  let high = MathFloor(value / 2 ** 32);
  for (let i = 0; i < count; i++) {
    buffer[isLittle ? offset + i : offset + count - 1 - i] = i < 4 ? low : high;
    if (i < 4) low >>>= 8;
    else high >>>= 8;
  }
  return offset + count;
}

const scratch = new DataView(new ArrayBuffer(8));

function readBig(buffer, offset, isLittle, isSigned) {
  offset >>>= 0;
  checkBytes(buffer, offset, 8);
  for (let i = 0; i < 8; i++) DataViewPrototypeSetUint8(scratch, i, buffer[offset + i]);
  return isSigned ? DataViewPrototypeGetBigInt64(scratch, 0, isLittle) : DataViewPrototypeGetBigUint64(scratch, 0, isLittle);
}

function writeBig(buffer, value, offset, isLittle, min, max) {
  if (typeof value !== "bigint") throw new TypeError(`Cannot convert ${value} to a BigInt`);
  checkRange(value, min, max, 8);
  checkBytes(buffer, offset, 8);
  DataViewPrototypeSetBigUint64(scratch, 0, value, isLittle);
  for (let i = 0; i < 8; i++) buffer[offset + i] = DataViewPrototypeGetUint8(scratch, i);
  return offset + 8;
}

function readReal(buffer, offset, count, isLittle) {
  checkBytes(buffer, offset, count);
  for (let i = 0; i < count; i++) DataViewPrototypeSetUint8(scratch, i, buffer[offset + i]);
  return count === 4 ? DataViewPrototypeGetFloat32(scratch, 0, isLittle) : DataViewPrototypeGetFloat64(scratch, 0, isLittle);
}

function writeReal(buffer, value, offset, count, isLittle) {
  value = +value;
  checkBytes(buffer, offset, count);
  if (count === 4) DataViewPrototypeSetFloat32(scratch, 0, value, isLittle);
  else DataViewPrototypeSetFloat64(scratch, 0, value, isLittle);
  for (let i = 0; i < count; i++) buffer[offset + i] = DataViewPrototypeGetUint8(scratch, i);
  return offset + count;
}

const unsignedMax = (count) => 2 ** (8 * count) - 1;
const signedMin = (count) => -(2 ** (8 * count - 1));
const signedMax = (count) => 2 ** (8 * count - 1) - 1;

function checkCount(count) {
  if (typeof count !== "number" || !(count >= 1 && count <= 6 && NumberIsInteger(count)))
    outOfBounds(count, 6, "byteLength");
}

const methods = {};

/** Adds a method; `aliases` name the very same function. */
function add(method, ...aliases) {
  methods[method.name] = method;
  for (let i = 0; i < aliases.length; i++) methods[aliases[i]] = method;
}
const named = (name, fn) => ObjectDefineProperty(fn, "name", { value: name });

for (let i = 0, orders = [true, false]; i < orders.length; i++) {
  const isLittle = orders[i];
  const end = isLittle ? "LE" : "BE";

  for (let j = 0, counts = [2, 4]; j < counts.length; j++) {
    const count = counts[j];
    const bits = 8 * count;
    const max = unsignedMax(count);
    const low = signedMin(count);
    const high = signedMax(count);
    add(
      named(`readUInt${bits}${end}`, function (offset = 0) {
        return readUnsigned(this, offset, count, isLittle);
      }),
      `readUint${bits}${end}`,
    );
    add(
      named(`readInt${bits}${end}`, function (offset = 0) {
        return readSigned(this, offset, count, isLittle);
      }),
    );
    add(
      named(`writeUInt${bits}${end}`, function (value, offset = 0) {
        return writeInteger(this, value, offset, count, isLittle, 0, max);
      }),
      `writeUint${bits}${end}`,
    );
    add(
      named(`writeInt${bits}${end}`, function (value, offset = 0) {
        return writeInteger(this, value, offset, count, isLittle, low, high);
      }),
    );
  }

  add(
    named(`readUInt${end}`, function (offset, byteLength) {
      if (offset === undefined) throw new ERR_INVALID_ARG_TYPE("offset", "number", offset);
      checkCount(byteLength);
      return readUnsigned(this, offset, byteLength, isLittle);
    }),
    `readUint${end}`,
  );
  add(
    named(`readInt${end}`, function (offset, byteLength) {
      if (offset === undefined) throw new ERR_INVALID_ARG_TYPE("offset", "number", offset);
      checkCount(byteLength);
      return readSigned(this, offset, byteLength, isLittle);
    }),
  );
  add(
    named(`writeUInt${end}`, function (value, offset, byteLength) {
      checkCount(byteLength);
      return writeInteger(this, value, offset, byteLength, isLittle, 0, unsignedMax(byteLength));
    }),
    `writeUint${end}`,
  );
  add(
    named(`writeInt${end}`, function (value, offset, byteLength) {
      checkCount(byteLength);
      return writeInteger(this, value, offset, byteLength, isLittle, signedMin(byteLength), signedMax(byteLength));
    }),
  );

  add(
    named(`readBigUInt64${end}`, function (offset = 0) {
      return readBig(this, offset, isLittle, false);
    }),
    `readBigUint64${end}`,
  );
  add(
    named(`readBigInt64${end}`, function (offset = 0) {
      return readBig(this, offset, isLittle, true);
    }),
  );
  add(
    named(`writeBigUInt64${end}`, function (value, offset = 0) {
      return writeBig(this, value, offset, isLittle, 0n, 0xffffffffffffffffn);
    }),
    `writeBigUint64${end}`,
  );
  add(
    named(`writeBigInt64${end}`, function (value, offset = 0) {
      return writeBig(this, value, offset, isLittle, -0x8000000000000000n, 0x7fffffffffffffffn);
    }),
  );

  for (
    let j = 0,
      entries = [
        ["Float", 4],
        ["Double", 8],
      ];
    j < entries.length;
    j++
  ) {
    const { 0: type, 1: count } = entries[j];
    add(
      named(`read${type}${end}`, function (offset = 0) {
        return readReal(this, offset, count, isLittle);
      }),
    );
    add(
      named(`write${type}${end}`, function (value, offset = 0) {
        return writeReal(this, value, offset, count, isLittle);
      }),
    );
  }
}

add(
  named("readUInt8", function (offset = 0) {
    return readUnsigned(this, offset, 1, true);
  }),
  "readUint8",
);
add(
  named("readInt8", function (offset = 0) {
    return readSigned(this, offset, 1, true);
  }),
);
add(
  named("writeUInt8", function (value, offset = 0) {
    return writeInteger(this, value, offset, 1, true, 0, 0xff);
  }),
  "writeUint8",
);
add(
  named("writeInt8", function (value, offset = 0) {
    return writeInteger(this, value, offset, 1, true, -0x80, 0x7f);
  }),
);

exports.numberMethods = methods;
exports.checkOffset = checkOffset;
