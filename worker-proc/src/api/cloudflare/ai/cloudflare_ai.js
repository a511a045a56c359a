/* The module `cloudflare:ai`. */
const { Ai, InferenceUpstreamError } = require("cloudflare-internal:ai-api");
const { AiGateway, AiGatewayInternalError, AiGatewayLogNotFound } = require("cloudflare-internal:aig-api");
const {
  AutoRAG,
  AutoRAGInternalError,
  AutoRAGNotFoundError,
  AutoRAGUnauthorizedError,
} = require("cloudflare-internal:autorag-api");
const { ToMarkdownService } = require("cloudflare-internal:to-markdown-api");

exports.module = {
  __proto__: null,
  Ai,
  AiGateway,
  AiGatewayInternalError,
  AiGatewayLogNotFound,
  AutoRAG,
  AutoRAGInternalError,
  AutoRAGNotFoundError,
  AutoRAGUnauthorizedError,
  InferenceUpstreamError,
  ToMarkdownService,
};
