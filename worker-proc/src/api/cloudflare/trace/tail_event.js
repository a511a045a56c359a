/* What a listener for `tail` or `trace` is given, in service-worker syntax. */
const { ObjectDefineProperty } = primordials;
const { defineInterface } = require("webidl");
const { ExtendableEvent, kCreateExtendable } = require("events/kinds");

class TailEvent extends ExtendableEvent {
  constructor(token, type, events) {
    super(token, type);
    for (let i = 0, names = ["traces", "events"]; i < names.length; i++) {
      const name = names[i];
      ObjectDefineProperty(this, name, {
        __proto__: null,
        value: events,
        writable: false,
        enumerable: true,
        configurable: true,
      });
    }
  }
}
defineInterface(TailEvent);

exports.tailEvent = (type, events) => new TailEvent(kCreateExtendable, type, events);
exports.globals = { TailEvent, TraceEvent: TailEvent };
