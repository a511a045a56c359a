// A flag makes some of ESI's tags void: what follows is not their content.
import { strictEqual } from "node:assert";

export const voidTags = {
  async test() {
    const html = '<esi:include src="a"><p>b</p>';
    const seen = [];
    const handlers = { element(element) { seen.push(element.tagName); } };
    await new HTMLRewriter().on("esi\\:include p", handlers).on("p", handlers).transform(new Response(html)).text();
    strictEqual(seen.join(), "p");
  },
};
