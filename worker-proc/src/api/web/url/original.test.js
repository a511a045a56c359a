// The URL class of dates before `url_standard`.

function equal(found, expected, what) {
  if (found !== expected) throw new Error(`${what}: ${found} instead of ${expected}`);
}

const told = (run) => {
  try {
    return run();
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
};

const NO_URL = "TypeError: Invalid URL string.";

export const texts = {
  test() {
    for (const [text, href] of [
      ["http://example.com", "http://example.com"],
      ["HTTP://EXAMPLE.com:80/A/../B?x=1#y", "http://example.com/B?x=1#y"],
      ["http://h?q", "http://h?q"],
      ["http://h/?", "http://h/"],
      ["http://h/?#", "http://h/#"],
      ["http://h//a//b/", "http://h/a/b/"],
      ["http://h/a/./b/../c/.", "http://h/a/c/"],
      ["http://h/..", "http://h/"],
      ["http:///x", "http:///x"],
      ["foo://bar/baz", "foo://bar/baz"],
      ["file:///a", "file:///a"],
      ["ftp://h:21/", "ftp://h/"],
      ["https://h:443", "https://h"],
      ["http://h:443", "http://h:443"],
      ["http://h:0080/", "http://h:0080/"],
      ["http://h:/a", "http://h/a"],
      ["http://h:x/", "http://h:x/"],
      ["http://0x7f.1/", "http://0x7f.1/"],
      ["http://[::1]:80/", "http://[::1]:80/"],
      ["http://%41b/", "http://ab/"],
      ["http://u:p:q@h", "http://u:p%3Aq@h"],
      ["http://us%40er:p%3ass@h/", "http://us%40er:p%3Ass@h/"],
      ["http://:@h", "http://:@h"],
      ["http://h/%41%2f%7e %ff\n", "http://h/A%2F~%20%FF%0A"],
      ["http://h/é'\"<>`{}|^~[]\\@:;=,", "http://h/%C3%A9'%22%3C%3E%60%7B%7D|^~[]%5C@:;=,"],
      ["http://h/?%41 +%2b'~/?\\[&&b&=&c==", "http://h/?A++%2B%27%7E%2F%3F%5C%5B&b&=&c=%3D"],
      ["http://h/#'\"<>`{}|^~[]%25#é ", "http://h/#'%22%3C%3E%60{}|^~[]%25#%C3%A9%20"],
      ["http://h/\ud800", "http://h/%ED%A0%80"],
    ]) {
      equal(told(() => new URL(text).href), href, text);
      equal(told(() => `${new URL(text)}`), href, text);
      equal(told(() => JSON.stringify(new URL(text))), `"${href}"`, text);
    }
    for (const text of [
      "", "x", "/x", "//x", "mailto:a@b", "data:,x", "http:/x", "http:x", "1http://h", "ht tp://h", " http://h", "http://a b/", "http://höst/",
      "http://a,b/", "http://*.x/", "http://a~b/", "http://a@b@c/", "http://h\\a", "http://h/%zz", "http://h/?%zz", "http://h/#%zz", "http://%zz@h",
    ]) {
      equal(told(() => new URL(text).href), NO_URL, text);
    }
    equal(told(() => new URL()), "TypeError: Failed to construct 'URL': constructor parameter 1 is not of type 'string'.", "nothing");
    for (const dots of ["%2e", "%2E%2e"]) {
      const url = new URL(`http://h/a%2fb/${dots}/c`);
      equal(told(() => url.href), "TypeError: Invalid pathname when stringifying URL.", dots);
    }
    equal(Object.prototype.toString.call(new URL("http://h")), "[object Object]", "tag");
    for (const name of ["canParse", "parse", "createObjectURL"]) equal(URL[name], undefined, name);
  },
};

export const bases = {
  test() {
    for (const [text, base, href] of [
      ["", "http://h/a/b?q#f", "http://h/a/b?q#f"],
      ["#x", "http://h/a/b?q#f", "http://h/a/b?q#x"],
      ["?x", "http://h/a/b?q#f", "http://h/a/b?x"],
      ["x", "http://h/a/b?q#f", "http://h/a/x"],
      ["/x", "http://u:p@h/a/b?q#f", "http://u:p@h/x"],
      ["//o/x", "http://u:p@h/a", "http://o/x"],
      ["//o", "http://h/a?q", "http://o"],
      ["../../x", "http://h/a/b/c/d", "http://h/a/x"],
      ["../../x", "http://h/a", "http://h/x"],
      ["..", "http://h", "http://h/"],
      [".//x", "http://h/a/b", "http://h/a/x"],
      ["a?b/../c", "http://h/", "http://h/a?b%2F..%2Fc"],
      ["http://o", "http://h", "http://o"],
      ["http:x", "http://h/a/", "http://h/a/x"],
      ["x:y", "http://u:p@h:80/a?b#c", "x://u:p@h:80/y"],
      ["x:?y", "http://h/a?b#c", "x://h/a?y"],
      ["x:", "http://h/a?b#c", "x://h/a?b"],
      ["https:x", "http://h:80/a", "https://h:80/x"],
      ["%zz", "http://h", "TypeError: Invalid relative URL string."],
      ["http://h", "bad", "TypeError: Invalid base URL string."],
      ["x", "", "TypeError: Invalid base URL string."],
      ["x", undefined, NO_URL],
    ]) {
      equal(told(() => new URL(text, base).href), href, `${text} from ${base}`);
    }
  },
};

export const parts = {
  test() {
    const all = ["origin", "protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "hash"];
    for (const [text, expected] of [
      ["http://u:p@h:8080/p?q=1#f", "http://h:8080 http: u p h:8080 h 8080 /p ?q=1 #f"],
      ["http://h", "http://h http:   h h  /  "],
      ["foo://h", "null foo:   h h    "],
      ["file:///a", "null file:      /a  "],
      ["wss://h:443/#", "wss://h wss:   h h  /  "],
      ["http://[::1]/", "http://[::1] http:   [::1] [ :1] /  "],
    ]) {
      const url = new URL(text);
      equal(all.map((name) => url[name]).join(" "), expected, text);
    }
  },
};

export const changes = {
  test() {
    const from = "http://u:p@h:8080/a?q=1#f";
    for (const [name, value, href] of [
      ["href", "http://n/", "http://n/"],
      ["protocol", "HTTPS:x", "https://u:p@h:8080/a?q=1#f"],
      ["protocol", "foo", "foo://u:p@h:8080/a?q=1#f"],
      ["protocol", "1", from],
      ["username", "%41@/", "http://%2541%40%2F:p@h:8080/a?q=1#f"],
      ["username", "", "http://:p@h:8080/a?q=1#f"],
      ["password", "", "http://u@h:8080/a?q=1#f"],
      ["host", "N", "http://u:p@N:8080/a?q=1#f"],
      ["host", "n:80", "http://u:p@n/a?q=1#f"],
      ["host", "n:", "http://u:p@n:8080/a?q=1#f"],
      ["host", "", "http://u:p@:8080/a?q=1#f"],
      ["host", "n/x", "TypeError: Invalid hostname when stringifying URL."],
      ["hostname", "n:1", "http://u:p@n:8080/a?q=1#f"],
      ["port", "", "http://u:p@h/a?q=1#f"],
      ["port", "80", "http://u:p@h/a?q=1#f"],
      ["port", "1x", "http://u:p@h:1x/a?q=1#f"],
      ["pathname", "/b c?d#e/../%41/", "http://u:p@h:8080/A/?q=1#f"],
      ["pathname", "b?", "http://u:p@h:8080/b%3F?q=1#f"],
      ["pathname", "", "http://u:p@h:8080/?q=1#f"],
      ["pathname", "%zz", from],
      ["search", "?a b#c", "http://u:p@h:8080/a?a+b%23c#f"],
      ["search", "?", "http://u:p@h:8080/a#f"],
      ["search", "%zz", from],
      ["hash", "%41%zz b", "http://u:p@h:8080/a?q=1#Azz%20b"],
      ["hash", "", "http://u:p@h:8080/a?q=1#"],
    ]) {
      const url = new URL(from);
      url[name] = value;
      equal(told(() => url.href), href, `${name} = ${value}`);
    }
    const url = new URL(from);
    equal(told(() => { url.href = "x"; }), "TypeError: Failed to set the 'href' property on 'URL': the provided value is not of type 'valid URL string'.", "href");
    url.host = "a b";
    equal(told(() => { url.username = "x"; }), "TypeError: Invalid hostname when stringifying URL.", "username");
    equal(url.host, "a b:8080", "host");
    const bare = new URL("http://h/");
    bare.password = "x";
    equal(bare.href, "http://:x@h/", "password");
  },
};

export const params = {
  test() {
    const url = new URL("http://h/?a&b=&c=1#z");
    const { searchParams } = url;
    equal(searchParams, url.searchParams, "searchParams");
    equal(`${searchParams}`, "a=&b=&c=1", "text");
    searchParams.append("x y", "é~");
    equal(url.href, "http://h/?a&b=&c=1&x+y=%C3%A9%7E#z", "append");
    searchParams.delete("c");
    searchParams.set("b", "2");
    equal(url.href, "http://h/?a&b=2&x+y=%C3%A9%7E#z", "set and delete");
    url.search = "?n=1";
    equal([...searchParams].join(), "n,1", "search");
    url.href = "http://k/?m=2";
    equal([...searchParams].join(), "m,2", "href");
    searchParams.delete("m");
    equal(url.href, "http://k/", "empty");
    const pairs = "TypeError: To initialize a URLSearchParams object from an array-of-arrays, each inner array must have exactly two elements.";
    equal(told(() => new URLSearchParams([["a"]])), pairs, "pairs");
  },
};
