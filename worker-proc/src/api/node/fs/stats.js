/*
 * What `stat` gives.
 */

const { BigInt, Date, Number, ObjectAssign, TypeError } = primordials;
const { DIRECTORY, FILE, SYMLINK } = require("file_system/nodes");
const { constants } = require("node/fs/constants");

const { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK } = constants;
const FORMATS = { __proto__: null, [FILE]: S_IFREG, [DIRECTORY]: S_IFDIR, [SYMLINK]: S_IFLNK };

const kCreate = { __proto__: null };

class Stats {
  dev;
  ino;
  mode;
  nlink;
  uid;
  gid;
  rdev;
  size;
  blksize;
  blocks;
  atimeMs;
  mtimeMs;
  ctimeMs;
  birthtimeMs;
  atimeNs;
  mtimeNs;
  ctimeNs;
  birthtimeNs;
  atime;
  mtime;
  ctime;
  birthtime;

  constructor(token, node, isBig) {
    if (token !== kCreate) throw new TypeError("Illegal constructor");
    const number = isBig ? BigInt : Number;
    const zero = number(0);
    const modified = number(node.modified);
    const format = node.isDevice ? S_IFCHR : FORMATS[node.kind];
    this.mode = number(0o444 | (node.isWritable ? 0o222 : 0) | format);
    this.dev = number(node.isDevice ? 1 : 0);
    this.size = number(node.size);
    this.nlink = number(1);
    ObjectAssign(this, { ino: zero, uid: zero, gid: zero, rdev: zero, blksize: zero, blocks: zero });
    ObjectAssign(this, { atimeMs: zero, mtimeMs: modified, ctimeMs: modified, birthtimeMs: zero });
    if (isBig) {
      const nanos = modified * 1_000_000n;
      ObjectAssign(this, { atimeNs: 0n, mtimeNs: nanos, ctimeNs: nanos, birthtimeNs: 0n });
    }
    this.atime = new Date(0);
    this.mtime = new Date(node.modified);
    this.ctime = new Date(node.modified);
    this.birthtime = new Date(0);
  }

  isBlockDevice() {
    return hasFormat(this, S_IFBLK);
  }
  isCharacterDevice() {
    return hasFormat(this, S_IFCHR);
  }
  isDirectory() {
    return hasFormat(this, S_IFDIR);
  }
  isFIFO() {
    return hasFormat(this, S_IFIFO);
  }
  isFile() {
    return hasFormat(this, S_IFREG);
  }
  isSocket() {
    return hasFormat(this, S_IFSOCK);
  }
  isSymbolicLink() {
    return hasFormat(this, S_IFLNK);
  }
}

const hasFormat = (stats, format) => (Number(stats.mode) & S_IFMT) === format;

exports.Stats = Stats;
exports.toStats = (node, isBig) => new Stats(kCreate, node, isBig);
