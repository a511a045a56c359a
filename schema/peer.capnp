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

struct Target {
  # What a call is made on. Numbers are those of the frames: their chooser is named with each.

  union {
    actor @0 :Address;

    exported @1 :UInt64;
    # What the receiver has exported under this number.

    result @2 :UInt64;
    # What the sender's call of this number returns, before it has or after.
  }
}

struct Call {
  target @0 :Target;

  union {
    fetch @1 :Request;
    event @2 :Event;
    rpc @3 :Invocation;
  }

  span @4 :Span;
  # What the call is made on behalf of; null where the caller is not traced.
}

struct Span {
  # A span in its trace, as in W3C's Trace Context.

  traceHigh @0 :UInt64;
  traceLow @1 :UInt64;
  # The two halves of the trace's id.

  id @2 :UInt64;
}

struct Invocation {
  # A call of JavaScript RPC.

  path @0 :List(Text);
  # Properties to follow from the target.

  union {
    get @1 :Void;
    call @2 :Payload;
  }

  event @3 :Bool;
  # The path names the handler of an event, which the payload describes.
}

struct Payload {
  # A value in V8's wire format, and what passes by reference.

  union {
    bytes @0 :Data;

    parts @1 :Void;
    # They have come before this frame, in frames of their own.
  }

  externals @2 :List(External);
}

struct External {
  # Numbers without another word are chosen by the sender, and used with this frame for the first time.

  union {
    target @0 :UInt64;
    # Exported by the sender until the receiver releases it.

    yourTarget @1 :UInt64;
    # What the receiver has exported under this number.

    service @2 :UInt64;
    # Exported like a target.

    yourService @3 :UInt64;

    actor @4 :Address;
    # A service that the receiver finds for itself, as is the next.

    entrypoint @5 :Entrypoint;

    readable @6 :Void;
    # Empty.

    readableChunks @7 :UInt64;
    # Chunks of the sender under this number.

    writable @8 :UInt64;
    # Chunks of the receiver under this number.

    signal @9 :UInt64;
    # A `Signal` of the sender under this number.
  }

  sized @10 :Bool;
  length @11 :UInt64;
  # Of a readable, if it is known.
}

struct Entrypoint {
  # See `Designation` in service/mod.rs in worker-proc.

  service @0 :Text;
  name @1 :Text;
  # Null for the default one.
  props @2 :Text;
  # JSON; null for none.
}

struct Returned {
  value @0 :Payload;
  hasDisposer @1 :Bool;
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
    returned @3 :Returned;
    # Of a call of JavaScript RPC. It may be called on until the caller cancels the call.
  }
}

struct Response {
  status @0 :UInt16;
  statusText @1 :Text;
  # Null when it is the usual one.
  headers @2 :List(Header);
  body @3 :Body;

  webSocket :union {
    none @4 :Void;

    passed @5 :Wire;
    # The connected socket is this frame's descriptor.

    carried @6 :UInt64;
    # The sender's end under this number. It says nothing until the receiver either opens it or passes a socket.
  }
}

struct Wire {
  # A connection on which WebSocket frames are to be exchanged.

  isClient @0 :Bool;
  leftover @1 :Data;
  # Read from it too early.
  deflate @2 :Deflate;
  # Null without compression.
}

struct Deflate {
  clientNoContextTakeover @0 :Bool;
  serverNoContextTakeover @1 :Bool;
  clientMaxWindowBits @2 :UInt8;
  # Zero for none, as in the next.
  serverMaxWindowBits @3 :UInt8;
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
  actor @7 :Data;
  # The id of the Durable Object that it comes from; null where that is not told.

  enum Kind {
    worker @0;
    disconnected @1;
    internal @2;
  }
}
