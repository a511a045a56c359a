// HTMLRewriter: mutations, handlers that take their time, errors, cancellation, bad calls.
import { deepStrictEqual, rejects, strictEqual, throws } from "node:assert";

const rewrite = (html, selector, handlers) =>
  new HTMLRewriter().on(selector, handlers).transform(new Response(html)).text();

const chunks = (...texts) => {
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  const encoder = new TextEncoder();
  const written = (async () => {
    for (const text of texts) await writer.write(encoder.encode(text));
    await writer.close();
  })();
  written.catch(() => {});
  return readable;
};

export const elements = {
  async test() {
    const result = await rewrite('<p A="1" b>x</p>', "p", {
      element(element) {
        strictEqual(element.before("<1>"), element);
        element.after("<2>", { html: true });
        element.prepend(3);
        element.append(null);
        deepStrictEqual([...element.attributes], [["a", "1"], ["b", ""]]);
        strictEqual(element.getAttribute("B"), "");
        strictEqual(element.getAttribute("c"), null);
        strictEqual(element.hasAttribute("a"), true);
        element.removeAttribute("b").setAttribute("c", '"');
        strictEqual(element.namespaceURI, "http://www.w3.org/1999/xhtml");
        strictEqual(element.removed, false);
        element.tagName = "q";
        strictEqual(element.tagName, "q");
      },
    });
    strictEqual(result, '&lt;1&gt;<q A="1" c="&quot;">3xnull</q><2>');
    strictEqual(await rewrite("<p>x<b>y</b></p>z", "b", { element: (b) => { b.remove(); } }), "<p>x</p>z");
    strictEqual(await rewrite("<p>x<b>y</b></p>z", "b", { element: (b) => { b.removeAndKeepContent(); } }), "<p>xy</p>z");
    strictEqual(await rewrite("<b>y</b>", "b", { element: (b) => { b.setInnerContent("z"); } }), "<b>z</b>");
    strictEqual(await rewrite("<b>y</b>", "b", { element: (b) => { b.replace("<i>", { html: true }); } }), "<i>");
  },
};

export const endTags = {
  async test() {
    const result = await rewrite("<p></p>", "p", {
      element(element) {
        element.onEndTag((tag) => { tag.before("first"); });
        element.onEndTag(async (tag) => {
          await scheduler.wait(1);
          strictEqual(tag.name, "p");
          tag.name = "q";
          tag.before("second").after("!");
        });
      },
    });
    strictEqual(result, "<p>second</q>!");
    await rejects(rewrite("<img>", "img", { element: (image) => { image.onEndTag(() => {}); } }), {
      name: "TypeError",
      message: "Parser error: No end tag.",
    });
  },
};

export const textAndComments = {
  async test() {
    const seen = [];
    const handlers = {
      mark: "mine",
      text(chunk) {
        seen.push(chunk.text, chunk.lastInTextNode, this.mark);
        if (!chunk.lastInTextNode) chunk.before("<").after(">").replace("r");
      },
      comments(comment) {
        seen.push(comment.text);
        comment.text = "new";
        comment.before("b").after("a");
      },
    };
    strictEqual(await rewrite("<p>x&amp;y<!--c--></p>", "p", handlers), "<p>&lt;r&gt;b<!--new-->a</p>");
    deepStrictEqual(seen, ["x&amp;y", false, "mine", "", true, "mine", "c"]);
  },
};

export const documents = {
  async test() {
    const seen = [];
    const rewriter = new HTMLRewriter().onDocument({
      doctype: ({ name, publicId, systemId }) => { seen.push(name, publicId, systemId); },
      comments: (comment) => { comment.remove(); },
      end: (end) => { strictEqual(end.append("<end>", { html: true }), end); },
    });
    const html = '<!doctype html PUBLIC "p" "s"><!--c-->x';
    strictEqual(await rewriter.transform(new Response(html)).text(), '<!doctype html PUBLIC "p" "s">x<end>');
    // The same rewriter serves another document.
    strictEqual(await rewriter.transform(new Response("y")).text(), "y<end>");
    deepStrictEqual(seen, ["html", "p", "s"]);
  },
};

export const streams = {
  async test() {
    const result = await rewrite("<p>x</p>", "p", {
      element(element) {
        element.before(new Response("<b>"), { html: true });
        element.append(chunks("<", "i", ">"));
        element.after(new Response(null));
      },
      text(text) {
        if (text.text === "x") text.replace(chunks("t"));
      },
    });
    strictEqual(result, "<b><p>t&lt;i&gt;</p>");
    const bad = (content) => rewrite("<p>", "p", { element: (element) => { element.before(content); } });
    await rejects(bad(new Response(new Uint8Array([0xff, 0x80]))), { message: "Parser error: Invalid UTF-8" });
    const used = new Response("x");
    await used.text();
    await rejects(bad(used), { message: "The ReadableStream has been locked to a reader." });
    const message = /^Replacing content in HTML comments using a ReadableStream or Response object is not implemented/;
    const comments = (comment) => { comment.replace(new Response("x")); };
    await rejects(rewrite("<p><!--x-->", "p", { comments }), { name: "TypeError", message });
  },
};

export const slowHandlers = {
  async test() {
    const log = [];
    const slow = (name) => async (token) => {
      log.push(`${name} begins`);
      await scheduler.wait(1);
      token.before?.(name);
      log.push(`${name} ends`);
    };
    const body = new HTMLRewriter()
      .on("a", { element: slow("a") })
      .on("b", { element: slow("b") })
      .transform(new Response(chunks("<a><b", "></b></a>")));
    strictEqual(await body.text(), "a<a>b<b></b></a>");
    deepStrictEqual(log, ["a begins", "a ends", "b begins", "b ends"]);
  },
};

export const backPressure = {
  async test() {
    let handled = 0;
    const html = "<p>x</p>".repeat(1000);
    const response = new HTMLRewriter()
      .on("p", { element: () => { handled++; } })
      .transform(new Response(html));
    const reader = response.body.getReader();
    await reader.read();
    await scheduler.wait(1);
    strictEqual(handled < 10, true);
    await reader.cancel();
    await scheduler.wait(1);
    strictEqual(handled < 10, true);
  },
};

export const manyAtOnce = {
  async test() {
    const one = async (index) => {
      const element = async (found) => {
        await scheduler.wait(index % 3);
        found.setInnerContent(`${index}`);
      };
      strictEqual(await rewrite("<p>x</p>", "p", { element }), `<p>${index}</p>`);
    };
    await Promise.all(Array.from({ length: 200 }, (_, index) => one(index)));
  },
};

export const errors = {
  async test() {
    const error = new RangeError("mine");
    const thrower = (throwIt) => rewrite("<b>x</b><p>", "p", { element: throwIt });
    await rejects(thrower(() => { throw error; }), { name: "RangeError", message: "mine" });
    await rejects(thrower(async () => { throw error; }), { name: "RangeError", message: "mine" });
    await rejects(thrower(() => { throw 5; }), { name: "Error", message: "5" });
    // What came before the error is read first.
    const response = new HTMLRewriter()
      .on("p", { element: () => { throw error; } })
      .transform(new Response("<b>x</b><p>"));
    const reader = response.body.getReader();
    strictEqual(new TextDecoder().decode((await reader.read()).value), "<b>x</b>");
    await rejects(reader.read(), { message: "mine" });
  },
};

export const expiry = {
  async test() {
    const kept = [];
    await rewrite("<p a=1>x<!--c--></p>", "p", {
      element(element) {
        kept.push(element, element.attributes);
        element.onEndTag((tag) => { kept.push(tag); });
      },
      async text(text) {
        kept.push(text);
      },
      comments: (comment) => { kept.push(comment); },
    });
    const message =
      "This content token is no longer valid. Content tokens are only valid during the execution of the relevant content handler.";
    for (const token of kept) {
      if ("next" in token) throws(() => token.next(), { name: "TypeError", message });
      else throws(() => token.remove(), { name: "TypeError", message });
    }
    await rewrite("<p a=1>", "p", {
      element(element) {
        const { attributes } = element;
        attributes.next();
        element.setAttribute("b", "2");
        throws(() => attributes.next(), { name: "Error", message: /have been modified during iteration/ });
      },
    });
  },
};

export const responses = {
  async test() {
    const rewriter = new HTMLRewriter();
    const nothing = new Response(null);
    strictEqual(rewriter.transform(nothing), nothing);
    const headers = { "content-type": "text/html; charset=windows-1252", a: "b" };
    const source = new Response(new Uint8Array([0x3c, 0x70, 0x3e, 0xe9]), { status: 201, headers });
    const seen = [];
    const result = rewriter.on("p", { text: (text) => { seen.push(text.text); } }).transform(source);
    strictEqual(source.bodyUsed, true);
    strictEqual(result.status, 201);
    strictEqual(result.headers.get("a"), "b");
    deepStrictEqual([...new Uint8Array(await result.arrayBuffer())], [0x3c, 0x70, 0x3e, 0xe9]);
    deepStrictEqual(seen, ["é", ""]);
    const charset = (name) => () => rewriter.transform(
      new Response("x", { headers: { "content-type": `text/html;charset=${name}` } }),
    );
    throws(charset("foo"), { name: "TypeError", message: "Parser error: Unknown character encoding has been provided." });
    throws(charset("utf-16"), { name: "TypeError", message: "Parser error: Expected ASCII-compatible encoding." });
    throws(() => rewriter.transform(Response.error()), { message: "HTMLRewriter cannot transform an error response" });
    const used = new Response("x");
    await used.text();
    throws(() => rewriter.transform(used), { message: "The ReadableStream has been locked to a reader." });
  },
};

export const badCalls = {
  async test() {
    const rewriter = new HTMLRewriter();
    const fails = (call, message) => throws(call, { name: "TypeError", message });
    fails(() => rewriter.on(), "Failed to execute 'on' on 'HTMLRewriter': parameter 1 is not of type 'string'.");
    fails(() => rewriter.on("p"), "Failed to execute 'on' on 'HTMLRewriter': parameter 2 is not of type 'ElementContentHandlers'.");
    fails(
      () => rewriter.on("p", { element: 1 }),
      "Incorrect type for the 'element' field on 'ElementContentHandlers': the provided value is not of type 'function'.",
    );
    fails(() => rewriter.on("", {}), "Parser error: The selector is empty.");
    fails(() => rewriter.on("a:hover", {}), "Parser error: Unsupported pseudo-class or pseudo-element in selector.");
    fails(() => rewriter.on("a + b", {}), "Parser error: Unsupported combinator `+` in selector.");
    fails(
      () => rewriter.onDocument(),
      "Failed to execute 'onDocument' on 'HTMLRewriter': parameter 1 is not of type 'DocumentContentHandlers'.",
    );
    fails(
      () => rewriter.onDocument({ end: 2 }),
      "Incorrect type for the 'end' field on 'DocumentContentHandlers': the provided value is not of type 'function'.",
    );
    fails(() => rewriter.transform("x"), "Failed to execute 'transform' on 'HTMLRewriter': parameter 1 is not of type 'Response'.");
    const calls = [
      [(e) => e.before(), "Failed to execute 'before' on 'Element': parameter 1 is not of type 'string or JsReadableStream or Response'."],
      [(e) => e.before("x", 1), "Failed to execute 'before' on 'Element': parameter 2 is not of type 'ContentOptions'."],
      [(e) => e.onEndTag(1), "Failed to execute 'onEndTag' on 'Element': parameter 1 is not of type 'function'."],
      [(e) => e.getAttribute(), "Failed to execute 'getAttribute' on 'Element': parameter 1 is not of type 'string'."],
      [(e) => e.setAttribute("a"), "Failed to execute 'setAttribute' on 'Element': parameter 2 is not of type 'string'."],
      [(e) => e.setAttribute("", "x"), "Parser error: Attribute name can't be empty."],
      [(e) => e.setAttribute("a b", "x"), "Parser error: ` ` character is forbidden in the attribute name"],
      [(e) => { e.tagName = ""; }, "Parser error: Tag name can't be empty."],
      [(e) => { e.tagName = "1"; }, "Parser error: The first character of the tag name should be an ASCII alphabetical character."],
      [(e) => new e.constructor(), "Illegal constructor"],
    ];
    for (const [element, message] of calls) await rejects(rewrite("<p></p>", "p", { element }), { name: "TypeError", message });
  },
};
