// URL and URLSearchParams beyond the parser's own tests.
import { deepStrictEqual, strictEqual, throws } from "node:assert";

export const attributes = {
  test() {
    const url = new URL("../b c?d#e", "http://u:p@h.com:81/x/y");
    const { protocol, username, password, host, hostname, port, pathname, search, hash, origin } = url;
    deepStrictEqual(
      [protocol, username, password, host, hostname, port, pathname, search, hash, origin],
      ["http:", "u", "p", "h.com:81", "h.com", "81", "/b%20c", "?d", "#e", "http://h.com:81"],
    );
    strictEqual(new URL("blob:https://a/b").origin, "https://a");
    strictEqual(new URL("foo://a/b").origin, "null");
    strictEqual(new URL("file:///C|/x").host, "");
  },
};

export const setters = {
  test() {
    const url = new URL("http://u:p@h.com:81/p?q#h");
    for (const [name, value] of [["protocol", "foo"], ["host", "bad host"], ["port", "99999"], ["hostname", "::"]]) {
      url[name] = value;
      strictEqual(url.href, "http://u:p@h.com:81/p?q#h");
    }
    url.protocol = "https";
    url.port = "443";
    url.username = "\u00e9";
    url.password = "";
    url.search = "";
    url.hash = "";
    strictEqual(url.href, "https://%C3%A9@h.com/p");
  },
};

export const parsing = {
  test() {
    strictEqual(URL.canParse("x"), false);
    strictEqual(URL.canParse("x", "http://a"), true);
    strictEqual(URL.parse("x"), null);
    strictEqual(URL.parse("x", "http://a").href, "http://a/x");
    for (const bad of ["x", "http://a b/", "http://a:65536", "http://%00/"]) {
      throws(() => new URL(bad), { name: "TypeError", message: "Invalid URL string." });
    }
  },
};

export const liveParams = {
  test() {
    const url = new URL("http://a/?x=1");
    const params = url.searchParams;
    strictEqual(params, url.searchParams);
    params.append("y", "1 2");
    strictEqual(url.search, "?x=1&y=1+2");
    url.search = "?z";
    deepStrictEqual([...params], [["z", ""]]);
    params.delete("z");
    strictEqual(url.href, "http://a/");
  },
};

export const paramsByThemselves = {
  test() {
    const params = new URLSearchParams("?a=1&a=2&b=%zz&c=+%20&=e&f&&g=h=i");
    deepStrictEqual([...params], [["a", "1"], ["a", "2"], ["b", "%zz"], ["c", "  "], ["", "e"], ["f", ""], ["g", "h=i"]]);
    strictEqual(params.size, 7);
    strictEqual(params.has("a", "2"), true);
    params.delete("a", "1");
    params.set("b", "~!*()'");
    params.sort();
    strictEqual(params.toString(), "=e&a=2&b=%7E%21*%28%29%27&c=++&f=&g=h%3Di");
    strictEqual(new URLSearchParams({ "\ud800": "x y" }).toString(), "%EF%BF%BD=x+y");
    const sameOnceWellFormed = { "\ud800": "1", b: "2", "\udc00": "3", "\ufffd": "4" };
    strictEqual(new URLSearchParams(sameOnceWellFormed).toString(), "%EF%BF%BD=4&b=2");
    throws(() => new URLSearchParams([["a"]]), { message: "Invalid URL search params sequence." });
  },
};

export const liveIteration = {
  test() {
    const params = new URLSearchParams("a=1&b=2&c=3");
    const seen = [];
    for (const [name] of params) {
      seen.push(name);
      params.delete("b");
    }
    deepStrictEqual(seen, ["a", "c"]);
  },
};
