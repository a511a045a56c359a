@0x9d5e1c0b7a3f6e42;
# How a stub is written into a Durable Object's storage, so that it is found again later. The layout is that of the published
# workerd, which reads what this program wrote and the other way round; names are this program's own. ipc/src/token.rs says
# what surrounds the message.

struct Token {
  kind @0 :Kind;

  enum Kind {
    service @0;
    # An entrypoint or a Durable Object, to be called.

    class @1;
    # A class of Durable Objects, for facets.

    stub @2;
    # An RPC stub.
  }

  union {
    entrypoint :group {
      service @1 :Text;
      # As the config names it.

      name @2 :Text;
      # Null for the default entrypoint.

      props @3 :Value;
    }

    actor :group {
      namespace @4 :Text;
      # The unique key.

      id @5 :Data;
      # 32 bytes.

      name @6 :Text;
      # Null if it is not known.
    }

    restored :group {
      vendor @7 :Data;
      # The token of the service whose `[restore]()` makes the stub.

      argument @8 :Value;
    }
  }

  persistence :union {
    none @9 :Void;
    irrevocable @10 :Void;
  }

  struct Caps {
    # What a value refers to.

    list @0 :List(Cap);

    struct Cap {
      # Tokens, surrounded as the outer one is.

      union {
        unknown @0 :Void;
        service @1 :Data;
        class @2 :Data;
        stub @3 :Data;
      }
    }
  }
}

struct Value {
  # A JavaScript value.

  union {
    emptyObject @0 :Void;
    json @1 :Text;

    serialized @2 :Data;
    # V8's wire format.

    arrayBuffer @9 :Data;

    capability :group {
      index @7 :UInt32;
      tag @8 :UInt16;
      wrapper @10 :Text;
    }
  }

  properties @3 :List(Value);
  # To be added to the value, each by its name.

  name @4 :Text;

  capCount @5 :UInt32;
  # How many of the caps are the value's own; those of the properties follow.

  caps @6 :AnyPointer;
  # Token.Caps.
}
