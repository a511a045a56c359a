@0xd6a1f04c7b3e9285;
# What the module `workerd:rtti` tells of the runtime's API: its classes and dictionaries with the types of their members. Ordinals
# and layouts are the published binary's, whose readers make TypeScript declarations of it. The root is `StructureGroups`.

struct StructureGroups {
  # All of it, under one set of compatibility flags.

  groups @0 :List(StructureGroup);
  modules @1 :List(Module);
  # The built-in modules that those flags allow.

  struct StructureGroup {
    # What belongs together, such as all that streams have.

    name @0 :Text;
    structures @1 :List(Structure);
  }
}

struct Module {
  specifier @0 :Text;

  union {
    structureName @1 :Text;
    # The full name of the structure that is its default export.

    tsDeclarations @2 :Text;
    # What it exports, in TypeScript.
  }
}

struct Structure {
  # A class, or a dictionary that functions take or give.

  name @0 :Text;

  fullyQualifiedName @5 :Text;
  # Its name in the native code, by which types refer to it.

  members @1 :List(Member);

  extends @2 :Type;
  # Null if it extends nothing.

  iterable @3 :Bool;
  iterator @6 :Method;
  asyncIterable @4 :Bool;
  asyncIterator @7 :Method;
  disposable @13 :Bool;
  dispose @14 :Method;
  asyncDisposable @15 :Bool;
  asyncDispose @16 :Method;

  tsRoot @8 :Bool;
  # Declarations begin from it: what no root leads to has none.

  tsOverride @9 :Text;
  # TypeScript that stands for the members of the same names.

  tsDefine @10 :Text;
  # TypeScript that goes beside its declaration.

  callable @11 :FunctionType;
  # Its signature, if it can be called.

  obsolete12 @12 :List(Module);

  tsName @17 :Text;
  # What TypeScript calls it, where that is not its name.
}

struct Member {
  union {
    method @0 :Method;
    property @1 :Property;

    nested :group {
      # A class as a property.

      structure @2 :Structure;

      name @5 :Text;
      # The property's name, where it is not the class's.
    }

    constant @3 :Constant;
    constructor @4 :Constructor;
  }
}

struct Method {
  name @0 :Text;
  returnType @1 :Type;
  args @2 :List(Type);
  static @3 :Bool;
  fastApiCompatible @4 :Bool;

  argNames @5 :List(Text);
  # Null where they are not known.
}

struct Property {
  name @0 :Text;
  type @1 :Type;
  readonly @2 :Bool;
  lazy @3 :Bool;

  prototype @4 :Bool;
  # It is an accessor of the prototype, not a property of each object.

  getterFastApiCompatible @5 :Bool;
  setterFastApiCompatible @6 :Bool;
}

struct Constant {
  name @0 :Text;

  union {
    value @1 :Int64;
    numberValue @2 :Float64;
  }
}

struct Constructor {
  args @0 :List(Type);
  argNames @1 :List(Text);
}

struct Type {
  union {
    unknown @0 :Void;
    voidt @1 :Void;
    boolt @2 :Void;
    number @3 :NumberType;
    promise @4 :PromiseType;
    structure @5 :StructureType;
    string @6 :StringType;
    object @7 :Void;
    array @8 :ArrayType;
    maybe @9 :MaybeType;
    dict @10 :DictType;
    oneOf @11 :OneOfType;
    builtin @12 :BuiltinType;
    intrinsic @13 :IntrinsicType;
    function @14 :FunctionType;
    jsgImpl @15 :JsgImplType;
    jsBuiltin @16 :JsBuiltinType;
  }
}

struct NumberType {
  name @0 :Text;
}

struct PromiseType {
  value @0 :Type;
}

struct StructureType {
  name @0 :Text;
  fullyQualifiedName @1 :Text;
  tsName @2 :Text;
}

struct StringType {
  name @0 :Text;
}

struct IntrinsicType {
  name @0 :Text;
}

struct ArrayType {
  element @0 :Type;
  name @1 :Text;
}

struct MaybeType {
  # What may be left out, undefined or null: `name` says which.

  value @0 :Type;
  name @1 :Text;
  allowsNull @2 :Bool;
  allowsUndefined @3 :Bool;
}

struct DictType {
  key @0 :Type;
  value @1 :Type;
}

struct OneOfType {
  variants @0 :List(Type);
}

struct BuiltinType {
  type @0 :Type;

  enum Type {
    v8Uint8Array @0;
    v8ArrayBufferView @1;
    jsgBufferSource @2;
    kjDate @3;
    v8Function @4;
    v8ArrayBuffer @5;
    v8Uint16Array @6;
    v8Uint32Array @7;
    v8Int8Array @8;
    v8Int16Array @9;
    v8Int32Array @10;
    v8Float32Array @11;
    v8Float64Array @12;
    v8BigInt64Array @13;
    v8BigUint64Array @14;
    v8Uint8ClampedArray @15;
    v8Symbol @16;
    v8TypedArray @17;
    jsgError @18;
  }
}

struct FunctionType {
  returnType @0 :Type;
  args @1 :List(Type);
}

struct JsgImplType {
  # An argument that is not JavaScript's, or stands for a rule.

  type @0 :Type;

  enum Type {
    configuration @0;
    v8Isolate @1;
    jsgLock @2;
    jsgTypeHandler @3;
    jsgUnimplemented @4;
    jsgVarargs @5;
    jsgSelfRef @6;
    v8FunctionCallbackInfo @7;
    v8PropertyCallbackInfo @8;
    jsgName @9;
  }
}

struct JsBuiltinType {
  # What an internal module exports.

  module @0 :Text;
  export @1 :Text;
}
