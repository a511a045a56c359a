/* node:_http_common. */
const { ObjectAssign } = primordials;
const {
  METHODS,
  _checkInvalidHeaderChar,
  _checkIsHttpToken,
  chunkExpression,
  kIncomingMessage,
} = require("node/http/constants");

const common = {
  _checkIsHttpToken,
  _checkInvalidHeaderChar,
  chunkExpression,
  CRLF: "\r\n",
  continueExpression: /(?:^|\W)100-continue(?:$|\W)/i,
  methods: METHODS,
  parsers: { name: "parsers", max: 1000 },
  kIncomingMessage,
};

ObjectAssign(exports, common, { default: common });
