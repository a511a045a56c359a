/* What the default and the byte controller share: starting, pulling and cancelling a source.
 *
 * Used by streams/default and streams/bytes. A source is an object with pull() and cancel(reason), which may return a
 * promise and may throw; `pulls` is false for one that only pushes.
 */
const { PromiseReject } = primordials;
const { CLOSED, ERRORED, READABLE, upon } = require("streams/common");
const { Readable } = require("streams/reader");

class ControlledReadable extends Readable {
  constructor(source, highWaterMark) {
    super();
    this.source = source;
    this.highWaterMark = highWaterMark;
    this.hasStarted = false;
    this.closeRequested = false;
    this.pulling = false;
    this.pullAgain = false;
    /** The pull under way was begun by the constructor, a turn before the standard's. */
    this.isEarly = false;
    this.onPulled = null;
    this.onFailed = null;
    this.expectedLength = undefined;
  }

  length() {
    return this.expectedLength;
  }

  /** Pulls begin once `startResult`, a value or promise, is fulfilled. */
  start(startResult) {
    this.onFailed = (error) => this.fail(error);
    upon(startResult, () => this.started(), this.onFailed);
  }

  started() {
    this.hasStarted = true;
    if (this.onFailed === null) this.onFailed = (error) => this.fail(error);
    this.pullIfNeeded();
  }

  get canEnqueue() {
    return this.state === READABLE && !this.closeRequested;
  }

  /** Chunks or bytes in the queue, as the strategy counts them. */
  get queued() {
    return 0;
  }

  get readsWaiting() {
    return this.reads.length > 0;
  }

  desiredSize() {
    if (this.state === ERRORED) return null;
    if (this.state === CLOSED) return 0;
    return this.highWaterMark - this.queued;
  }

  /** Forgets the queue and the source. */
  clear() {
    this.source = null;
  }

  fail(error) {
    if (this.state !== READABLE) return;
    this.clear();
    super.fail(error);
  }

  finish() {
    this.source = null;
    this.close();
  }

  /** Whether more is wanted now: the opposite of back-pressure. */
  get wants() {
    return this.hasStarted && this.canEnqueue && (this.readsWaiting || this.highWaterMark > this.queued);
  }

  pullIfNeeded() {
    if (!this.wants || this.source === null || !this.source.pulls) return;
    if (this.pulling) {
      this.pullAgain = true;
      return;
    }
    this.pulling = true;
    let result;
    try {
      result = this.source.pull();
    } catch (error) {
      result = PromiseReject(error);
    }
    if (this.onPulled === null) this.onPulled = () => this.pulled();
    upon(result, this.onPulled, this.onFailed);
  }

  pulled() {
    if (this.isEarly) {
      // Who read meanwhile is answered before the next pull, as in the standard.
      this.isEarly = false;
      upon(undefined, this.onPulled, this.onFailed);
      return;
    }
    this.pulling = false;
    if (!this.pullAgain) return;
    this.pullAgain = false;
    this.pullIfNeeded();
  }

  cancelSteps(reason) {
    const source = this.source;
    this.clear();
    if (source === null) return undefined;
    try {
      return source.cancel(reason);
    } catch (error) {
      return PromiseReject(error);
    }
  }
}

exports.ControlledReadable = ControlledReadable;
