/* The module `cloudflare:pipelines`. */
exports.PipelineTransformationEntrypoint = require("cloudflare-internal:pipeline-transform").PipelineTransformImpl;
