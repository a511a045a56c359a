/*
 * node:sqlite: the constants; databases cannot be opened.
 */

const {
  ArrayPrototypeMap,
  Number,
  ObjectAssign,
  ObjectFromEntries,
  RegExpPrototypeSymbolSplit,
  StringPrototypeSplit,
  StringPrototypeTrim,
  TypeError,
} = primordials;
const { unsupported } = require("node/common/unsupported");

const names = `
CHANGESET_OMIT=0 CHANGESET_REPLACE=1 CHANGESET_ABORT=2 CHANGESET_DATA=1 CHANGESET_NOTFOUND=2 CHANGESET_CONFLICT=3
CHANGESET_CONSTRAINT=4 CHANGESET_FOREIGN_KEY=5 OK=0 DENY=1 IGNORE=2 CREATE_INDEX=1 CREATE_TABLE=2 CREATE_TEMP_INDEX=3
CREATE_TEMP_TABLE=4 CREATE_TEMP_TRIGGER=5 CREATE_TEMP_VIEW=6 CREATE_TRIGGER=7 CREATE_VIEW=8 DELETE=9 DROP_INDEX=10
DROP_TABLE=11 DROP_TEMP_INDEX=12 DROP_TEMP_TABLE=13 DROP_TEMP_TRIGGER=14 DROP_TEMP_VIEW=15 DROP_TRIGGER=16
DROP_VIEW=17 INSERT=18 PRAGMA=19 READ=20 SELECT=21 TRANSACTION=22 UPDATE=23 ATTACH=24 DETACH=25 ALTER_TABLE=26
REINDEX=27 ANALYZE=28 CREATE_VTABLE=29 DROP_VTABLE=30 FUNCTION=31 SAVEPOINT=32 COPY=0 RECURSIVE=33`;

const constants = ObjectFromEntries(
  ArrayPrototypeMap(RegExpPrototypeSymbolSplit(/\s+/, StringPrototypeTrim(names)), (pair) => [
    `SQLITE_${StringPrototypeSplit(pair, "=")[0]}`,
    Number(StringPrototypeSplit(pair, "=")[1]),
  ]),
);

const closed = (name) =>
  ({
    [name]: class {
      constructor() {
        throw new TypeError("Illegal constructor");
      }
    },
  })[name];

const sqlite = {
  DatabaseSync: closed("DatabaseSync"),
  StatementSync: closed("StatementSync"),
  backup: unsupported("backup"),
  constants,
};

ObjectAssign(exports, sqlite, { default: sqlite });
