/* The module `cloudflare:vectorize`: names that the API of an index takes. */
exports.DistanceMetric = { EUCLIDEAN: "euclidean", COSINE: "cosine", DOT_PRODUCT: "dot-product" };

/** Models whose vectors' width is known. */
exports.KnownModel = {
  "openai/text-embedding-ada-002": "openai/text-embedding-ada-002",
  "cohere/embed-multilingual-v2.0": "cohere/embed-multilingual-v2.0",
  "@cf/baai/bge-small-en-v1.5": "@cf/baai/bge-small-en-v1.5",
  "@cf/baai/bge-base-en-v1.5": "@cf/baai/bge-base-en-v1.5",
  "@cf/baai/bge-large-en-v1.5": "@cf/baai/bge-large-en-v1.5",
};

/** How much of its metadata a match has. */
exports.MetadataRetrievalLevel = { ALL: "all", INDEXED: "indexed", NONE: "none" };
