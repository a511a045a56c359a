// A worker with an R2 bucket and tail workers.
export default {
  async fetch(request, { R2 }) {
    const options = { onlyIf: { etagMatches: "e", uploadedBefore: new Date(0) }, range: { offset: 1 } };
    await (await R2.get("one", options)).text();
    await R2.head("missing");
    await R2.put("one", "\u00fc", { httpMetadata: { contentType: "text/x" }, md5: "00".repeat(16) });
    await R2.put("one", "x", { md5: "x" }).catch(() => {});
    await R2.list({ prefix: "p", limit: 2, include: ["httpMetadata"] });
    await R2.delete(["one", "two"]);
    const upload = await R2.createMultipartUpload("one");
    await upload.complete([await upload.uploadPart(1, new ArrayBuffer(3))]);
    await upload.abort();
    return new Response();
  },
};
