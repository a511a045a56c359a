/* The chunks of a readable stream one by one, for `for await`. */
const { Promise } = primordials;
const { aggregateTwoErrors } = require("node/common/errors");
const { destroyer } = require("node/streams/destroy");

async function* chunksOf(stream, options) {
  let wake;
  const next = (resolve) => {
    if (stream === undefined) return;
    wake = resolve;
  };
  const onReadable = () => wake?.();
  stream.on("readable", onReadable);
  let outcome;
  const cleanUp = require("node/streams/finished").finished(stream, { writable: false }, (error) => {
    outcome = error ? aggregateTwoErrors(undefined, error) : null;
    wake?.();
  });
  let failure;
  try {
    for (;;) {
      const chunk = stream.destroyed ? null : stream.read();
      if (chunk !== null) {
        yield chunk;
      } else if (outcome) {
        throw outcome;
      } else if (outcome === null) {
        return;
      } else {
        await new Promise(next);
      }
    }
  } catch (error) {
    failure = aggregateTwoErrors(failure, error);
    throw failure;
  } finally {
    if ((failure || options?.destroyOnReturn !== false) && (outcome === undefined || stream._readableState.autoDestroy)) {
      destroyer(stream, null);
    } else {
      stream.off("readable", onReadable);
      cleanUp();
    }
  }
}

exports.chunksOf = chunksOf;
