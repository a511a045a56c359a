@0xd3a1c6f28b5e7049;
# What runtime processes say to each other: the heads of calls and answers. The frames around them, and the bytes of
# bodies, which are not Cap'n Proto, are described in ipc/src/peer/frame.rs.
#
# Both ends of a link are the same program, except while an upgrade drains the one before: a change that the other
# cannot read raises `PROTOCOL_VERSION` there.

struct Address {
  # One Durable Object. See service/actor.rs in worker-proc.

  namespace @0 :Text;
  # The unique key.

  id @1 :Data;
  # 32 bytes.

  name @2 :Text;
  # Null when the caller does not know it.

  props @3 :Text;
  # JSON; null for none.
}

struct Header {
  name @0 :Data;
  value @1 :Data;
}

struct Body {
  union {
    none @0 :Void;

    inline @1 :Data;
    # The whole body. A body that is longer or not at hand follows in chunks.

    chunks @2 :Void;

    sizedChunks @3 :UInt64;
    # Chunks of this many bytes together.
  }
}

struct Call {
  target @0 :Address;

  union {
    fetch @1 :Request;
    event @2 :Event;
  }
}

struct Request {
  method @0 :Text;
  url @1 :Text;
  headers @2 :List(Header);
  cf @3 :Text;
  # JSON; null for none.
  body @4 :Body;
}

struct Event {
  handler @0 :Text;
  argument @1 :Text;
  # JSON.
}

struct Answer {
  union {
    response @0 :Response;
    done @1 :Void;
    # Of a call that has no other result.
    failed @2 :Failure;
  }
}

struct Response {
  status @0 :UInt16;
  statusText @1 :Text;
  # Null when it is the usual one.
  headers @2 :List(Header);
  body @3 :Body;
}

struct Failure {
  kind @0 :Kind;
  class @1 :Text;
  message @2 :Text;
  exception @3 :Data;
  # The exception itself in V8's wire format; null for none.
  retryable @4 :Bool;
  overloaded @5 :Bool;
  durableObjectReset @6 :Bool;

  enum Kind {
    worker @0;
    disconnected @1;
    internal @2;
  }
}
