// A worker of a time when lists had all metadata whatever was asked for, and text began with a byte order mark if there was one.
export default {
  async fetch(request, { R2 }) {
    const { objects } = await R2.list({ limit: 5 });
    return Response.json([objects[0].httpMetadata, objects[0].customMetadata, await (await R2.get("a")).text()]);
  },
};
