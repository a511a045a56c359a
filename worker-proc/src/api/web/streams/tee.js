/* Teeing: Streams Standard, sections 4.9.1 (ReadableStreamDefaultTee, ReadableByteStreamTee).
 *
 * Used by ReadableStream.tee and by clones of bodies. The trunk's lock is held by the tee itself. Either branch's
 * demand pulls the trunk, so a branch that nobody reads keeps what the other one passes.
 */
const { ArrayBufferPrototypeSlice, TypedArrayPrototypeSet, Uint8Array } = primordials;
const { ERRORED, internal, markHandled, upon, viewBuffer, viewByteLength, viewByteOffset } = require("streams/common");
const { ByteReadable } = require("streams/bytes");
const { DefaultReadable } = require("streams/default");

/** The source of one branch. */
class Branch {
  constructor(tee, index) {
    this.tee = tee;
    this.index = index;
    this.pulls = true;
  }

  pull() {
    return this.tee.pull(this.index);
  }

  cancel(reason) {
    return this.tee.cancelBranch(this.index, reason);
  }
}
internal(Branch);

/** What both kinds share: the lock, cancellation by both branches, and errors of the trunk. */
class Tee {
  constructor(trunk) {
    this.trunk = trunk;
    this.reading = false;
    this.canceled = [false, false];
    this.reasons = [undefined, undefined];
    this.branches = null;
    trunk.reader = this;
  }

  start(first, second) {
    this.branches = [first, second];
    this.startBranches();
    if (this.trunk.state === ERRORED) this.readableErrored(this.trunk.error);
    return this.branches;
  }

  startBranches() {
    for (let i = 0; i < 2; i++) this.branches[i].start(undefined);
  }

  cancelBranch(index, reason) {
    this.canceled[index] = true;
    this.reasons[index] = reason;
    // As in workerd, the first branch to leave does not wait for the other.
    if (!this.canceled[1 - index]) return undefined;
    return this.trunk.cancel([this.reasons[0], this.reasons[1]]);
  }

  readableClosed() {}

  readableErrored(error) {
    upon(undefined, () => {
      this.branches[0].fail(error);
      this.branches[1].fail(error);
    });
  }

  /** Ends the branches that are still wanted. */
  closeBranches() {
    for (let i = 0; i < 2; i++) if (!this.canceled[i] && this.branches[i].canEnqueue) this.branches[i].requestClose();
  }
}
internal(Tee);

/** A tee of chunks of any kind. It is the request of its own reads. */
class DefaultTee extends Tee {
  constructor(trunk) {
    super(trunk);
    this.readAgain = false;
  }

  open() {
    return this.start(
      new DefaultReadable(new Branch(this, 0), 1, undefined),
      new DefaultReadable(new Branch(this, 1), 1, undefined),
    );
  }

  pull() {
    if (this.reading) {
      this.readAgain = true;
      return undefined;
    }
    this.reading = true;
    this.trunk.read(this);
    return undefined;
  }

  chunk(value) {
    // In a microtask of its own: an error of the trunk that comes along with the chunk reaches the branches first.
    upon(undefined, () => {
      this.readAgain = false;
      for (let i = 0; i < 2; i++) {
        if (!this.canceled[i] && this.branches[i].canEnqueue) this.branches[i].enqueue(value);
      }
      this.reading = false;
      if (this.readAgain) this.pull();
    });
  }

  close() {
    this.reading = false;
    this.closeBranches();
  }

  fail() {
    this.reading = false;
  }
}

/** A tee of bytes: each branch gets buffers of its own, and the trunk itself fills the BYOB request of a branch. */
class ByteTee extends Tee {
  constructor(trunk) {
    super(trunk);
    this.readAgain = [false, false];
  }

  open() {
    return this.start(
      new ByteReadable(new Branch(this, 0), 0, undefined),
      new ByteReadable(new Branch(this, 1), 0, undefined),
    );
  }

  /** At once: as in workerd, the first read of a branch is the trunk's BYOB request right away. */
  startBranches() {
    for (let i = 0; i < 2; i++) this.branches[i].started();
  }

  pull(index) {
    if (this.reading) {
      this.readAgain[index] = true;
      return undefined;
    }
    this.reading = true;
    const branch = this.branches[index];
    const view = branch.byobView();
    if (view === null) this.trunk.read(this);
    // Every byte is passed on at once; the source is told what the branch waits for.
    else this.trunk.readInto(view, 1, new IntoRequest(this, index), branch.byobAtLeast());
    return undefined;
  }

  pullAgain() {
    this.reading = false;
    if (this.readAgain[0]) this.pull(0);
    else if (this.readAgain[1]) this.pull(1);
  }

  chunk(value) {
    upon(undefined, () => {
      this.readAgain[0] = false;
      this.readAgain[1] = false;
      let copy = null;
      if (!this.canceled[0] && !this.canceled[1]) {
        copy = this.copyOf(value);
        if (copy === null) return;
      }
      if (!this.canceled[0]) enqueueView(this.branches[0], value);
      if (!this.canceled[1]) enqueueView(this.branches[1], copy === null ? value : copy);
      this.pullAgain();
    });
  }

  /** A copy of the chunk; null after the failure of both branches where memory is short. */
  copyOf(view) {
    try {
      const offset = viewByteOffset(view);
      return new Uint8Array(ArrayBufferPrototypeSlice(viewBuffer(view), offset, offset + viewByteLength(view)));
    } catch (error) {
      this.branches[0].fail(error);
      this.branches[1].fail(error);
      markHandled(this.trunk.cancel(error));
      return null;
    }
  }

  close() {
    this.reading = false;
    this.closeBranches();
  }

  fail() {
    this.reading = false;
  }
}

/** A read of the trunk into the buffer of one branch's BYOB request. */
class IntoRequest {
  constructor(tee, index) {
    this.tee = tee;
    this.index = index;
  }

  chunk(view) {
    const { tee, index } = this;
    upon(undefined, () => {
      tee.readAgain[0] = false;
      tee.readAgain[1] = false;
      const own = tee.branches[index];
      const other = tee.branches[1 - index];
      if (tee.canceled[1 - index]) {
        if (!tee.canceled[index]) own.respondWithNewView(view, false);
      } else {
        const copy = tee.copyOf(view);
        if (copy === null) return;
        // The other branch may wait for more than this buffer could take.
        const room = other.byobRoom() - viewByteLength(view);
        const more = room > 0 ? tee.trunk.takeQueued(room) : null;
        if (!tee.canceled[index]) own.respondWithNewView(view, false);
        if (more === null) {
          enqueueView(other, copy);
        } else {
          enqueueView(other, joined(copy, more));
          if (!tee.canceled[index]) enqueueView(own, more);
        }
      }
      tee.pullAgain();
    });
  }

  /** The end: the buffer goes back to the branch, whose read is answered with it. */
  close(view) {
    const { tee, index } = this;
    tee.reading = false;
    if (view !== undefined && !tee.canceled[index]) tee.branches[index].returnView(view);
    tee.closeBranches();
  }

  fail() {
    this.tee.reading = false;
  }
}
internal(IntoRequest);

function enqueueView(branch, view) {
  branch.enqueue(viewBuffer(view), viewByteOffset(view), viewByteLength(view));
}

function joined(first, second) {
  const length = viewByteLength(first);
  const result = new Uint8Array(length + viewByteLength(second));
  TypedArrayPrototypeSet(result, first, 0);
  TypedArrayPrototypeSet(result, second, length);
  return result;
}

exports.teeChunks = (readable) => new DefaultTee(readable).open();
exports.teeBytes = (readable) => new ByteTee(readable).open();
