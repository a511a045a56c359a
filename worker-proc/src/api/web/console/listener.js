/* Who hears what a worker logs: `trace`, which stands on what `console` shows values by. Apart from it, since a console is made
   when it is first used. */
let listener;

/** Tells of a call of a method that has a level. */
exports.tell = (level, args) => listener(level, args);
exports.setListener = (hear) => {
  listener = hear;
};
