import { deepStrictEqual, rejects, strictEqual, throws } from "node:assert";
import { WorkerEntrypoint } from "cloudflare:workers";

let answer;
let asked;

export class Service extends WorkerEntrypoint {
  async fetch(request) {
    const type = request.headers.get("content-type");
    asked = [request.method, request.url, await request.text(), type];
    const form = await new Response(asked[2], { headers: { "content-type": type } }).formData();
    asked.push(await Promise.all([...form].map(async ([name, value]) => [name, typeof value === "string" ? value : await value.text()])));
    return answer();
  }
  image(id) {
    return { id };
  }
  list() {
    return { images: [] };
  }
}

const stream = (text) => new Response(text).body;

export const info = {
  async test(_, { IT }) {
    answer = () => Response.json({ format: "image/png", file_size: 3, width: 1, height: 2 });
    deepStrictEqual(await IT.info(stream("png")), { fileSize: 3, width: 1, height: 2, format: "image/png" });
    deepStrictEqual([asked[0], asked[1], asked[4]], ["POST", "https://js.images.cloudflare.com/info", [["image", "png"]]]);
    const [, boundary] = /^multipart\/form-data; boundary=(-{26}[0-9]{24})$/.exec(asked[3]);
    strictEqual(asked[2], `--${boundary}\r\ncontent-disposition: form-data; name="image"; filename="image"\r\n\r\npng\r\n--${boundary}--\r\n`);
    await IT.info(stream("cG5n"), { encoding: "base64" });
    deepStrictEqual(asked[4], [["image", "png"]]);
    answer = () => Response.json({ format: "image/svg+xml" });
    deepStrictEqual(await IT.info(stream("<svg/>")), { format: "image/svg+xml" });
  },
};

export const transforms = {
  async test(_, { IT }) {
    answer = () => new Response("made", { headers: { "content-type": "image/avif" } });
    // A stream of JavaScript's, in two chunks.
    const user = new ReadableStream({ start(c) { for (const t of ["a", "b"]) c.enqueue(new TextEncoder().encode(t)); c.close(); } });
    const result = await IT.input(user)
      .transform({ rotate: 90 })
      .draw(IT.input(stream("over")).transform({ width: 1 }), { top: 5 })
      .draw(IT.text("t", { font: "f", size: 3 }))
      .output({ format: "image/avif", quality: 7, anim: false });
    deepStrictEqual(asked[4], [
      ["image", "ab"], ["draw_image", "over"], ["draw_text", '{"text":"t","font":"f","size":3}'],
      ["transforms", '[{"imageIndex":0,"rotate":90},{"imageIndex":1,"width":1},{"drawImageIndex":1,"targetImageIndex":0,"top":5},{"drawImageIndex":2,"targetImageIndex":0}]'],
      ["output_format", "image/avif"], ["output_quality", "7"], ["anim", "false"],
    ]);
    strictEqual(result.contentType(), "image/avif");
    const response = result.response({ headers: { x: "y" } });
    deepStrictEqual([response.headers.get("content-type"), response.headers.get("x"), await response.text()], ["image/avif", "y", "made"]);
    const again = await IT.input(stream("x")).output({ format: "image/avif" });
    strictEqual(await new Response(again.image({ encoding: "base64" })).text(), btoa("made"));
  },
};

export const failures = {
  async test(_, { IT }) {
    answer = () => new Response("ERROR 9401: bad ", { headers: { "cf-images-binding": "err=9401" } });
    await rejects(IT.input(stream("x")).output({ format: "f" }), { message: "IMAGES_TRANSFORM_ERROR 9401: bad", code: 9401 });
    answer = () => new Response("oops", { status: 500 });
    await rejects(IT.info(stream("x")), { message: "Unexpected error response 500: oops", code: 9523 });
    answer = () => new Response("made");
    const transformer = IT.input(stream("x"));
    await transformer.output({ format: "f" });
    const consumed = { code: 9525, message: /^IMAGES_TRANSFORM_ERROR 9525: ImageTransformer consumed/ };
    await rejects(transformer.output({ format: "f" }), consumed);
    throws(() => IT.input(stream("y")).draw(transformer), consumed);
  },
};

export const hosted = {
  async test(_, { IT }) {
    strictEqual(await IT.hosted.image("i").id, "i");
    deepStrictEqual(await IT.hosted.list(), { images: [] });
  },
};
