// node:dns and node:dns/promises, with a resolver that this test is.
import dns from "node:dns";
import promises from "node:dns/promises";
import { WorkerEntrypoint } from "cloudflare:workers";
import { deepStrictEqual, rejects, strictEqual, throws } from "node:assert";

const hex = (bytes) => `\\# ${bytes.length} ${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ")}`;
const strings = (...texts) => texts.map((text) => String.fromCharCode(text.length) + text).join("");
const bytesOf = (text) => Uint8Array.from(text, (char) => char.charCodeAt(0));

/** The numbers that records have in answers. */
const TYPES = { A: 1, NS: 2, CNAME: 5, SOA: 6, PTR: 12, MX: 15, TXT: 16, AAAA: 28, SRV: 33, NAPTR: 35, CAA: 257 };

const RECORDS = {
  A: ["192.0.2.1", "192.0.2.2"],
  AAAA: ["2001:db8::1"],
  CAA: [hex(bytesOf(`\x80${strings("issue")}ca.example`))],
  CNAME: ["other.example."],
  MX: ["10 mail.example.", "20 more.example."],
  NAPTR: [hex(bytesOf(`\x00\x01\x02\x03${strings("u", "sip", "!x!y!")}${strings("a", "example")}\0`))],
  NS: ["ns.example."],
  PTR: ["name.example."],
  SOA: ["ns.example. host.example. 1 2 3 4 5"],
  SRV: ["1 2 80 srv.example."],
  TXT: ['"one""two"', "bare"],
};

export class Resolver extends WorkerEntrypoint {
  fetch(request) {
    const { origin, pathname, searchParams } = new URL(request.url);
    strictEqual(origin + pathname, "https://cloudflare-dns.com/dns-query");
    strictEqual(request.headers.get("accept"), "application/dns-json");
    const name = searchParams.get("name");
    const type = searchParams.get("type");
    const answer = { Status: 0, Question: [{ name, type: TYPES[type] }] };
    const answers = (all) => all.map((data) => ({ name, type: TYPES[type], TTL: 60, data }));
    switch (name) {
      case "full.example":
        // A name that stands for another one leads there first.
        return Response.json({ ...answer, Answer: [{ name, type: TYPES.CNAME, TTL: 60, data: "other.example." }, ...answers(RECORDS[type])].slice(type === "CNAME") });
      case "four.example":
        return Response.json(type === "A" ? { ...answer, Answer: answers(["192.0.2.4"]) } : answer);
      case "none.example":
        return Response.json(answer);
      case "broken.example":
        return Response.json({ error: "broken" });
      case "no-json.example":
        return new Response("<html>");
      default:
        return new Response("no", { status: 500 });
    }
  }
}

const failed = (code, syscall, hostname) => ({ name: "Error", code, syscall, hostname, message: `${syscall} ${code} ${hostname}` });

export const records = {
  async test() {
    const ask = (type) => promises.resolve("full.example", type);
    deepStrictEqual(await ask("A"), RECORDS.A);
    deepStrictEqual(await promises.resolve4("full.example", { ttl: true }), RECORDS.A.map((address) => ({ ttl: 60, address })));
    deepStrictEqual(await ask("AAAA"), RECORDS.AAAA);
    deepStrictEqual(await ask("CAA"), [{ critical: 128, issue: "ca.example" }]);
    deepStrictEqual(await ask("CNAME"), ["other.example"]);
    deepStrictEqual(await ask("MX"), [{ exchange: "mail.example", priority: 10 }, { exchange: "more.example", priority: 20 }]);
    deepStrictEqual(await ask("NAPTR"), [{ flags: "u", service: "sip", regexp: "!x!y!", replacement: "a.example", order: 1, preference: 515 }]);
    deepStrictEqual(await ask("NS"), ["ns.example"]);
    deepStrictEqual(await ask("PTR"), ["name.example"]);
    deepStrictEqual(await ask("SOA"), { nsname: "ns.example.", hostmaster: "host.example.", serial: 1, refresh: 2, retry: 3, expire: 4, minttl: 5 });
    deepStrictEqual(await ask("SRV"), [{ priority: 1, weight: 2, port: 80, name: "srv.example." }]);
    deepStrictEqual(await ask("TXT"), [["one", "two"], ["bare"]]);
    deepStrictEqual(await new promises.Resolver().reverse("full.example"), ["name.example"]);
    deepStrictEqual(await new Promise((resolve) => dns.resolveMx("full.example", (...told) => resolve(told))), [null, await ask("MX")]);
  },
};

export const failures = {
  async test() {
    await rejects(promises.resolveTxt("none.example"), failed("ENOTFOUND", "queryTxt", "none.example"));
    await rejects(promises.resolveTxt("broken.example"), failed("EBADRESP", "queryTXT", "broken.example"));
    await rejects(promises.resolveMx("other.example"), failed("EBADRESP", "queryMX", "other.example"));
    await rejects(promises.resolve6("no-json.example"), failed("EBADQUERY", "queryAAAA", "no-json.example"));
    await rejects(promises.resolveAny("full.example"), { message: "Not implemented" });
    throws(() => promises.resolve4(5), { code: "ERR_INVALID_ARG_TYPE" });
    throws(() => promises.resolve("a", "X"), { code: "ERR_INVALID_ARG_VALUE" });
    throws(() => promises.resolve("a", "__proto__"), { code: "ERR_INVALID_ARG_VALUE" });
    throws(() => dns.resolve4("a"), { code: "ERR_INVALID_ARG_TYPE" });
    throws(() => dns.setServers([]), { message: "Not implemented" });
  },
};

export const lookup = {
  async test() {
    const four = { address: "192.0.2.1", family: 4 };
    const six = { address: "2001:db8::1", family: 6 };
    deepStrictEqual(await promises.lookup("full.example"), four);
    deepStrictEqual(await promises.lookup("full.example", 6), six);
    deepStrictEqual(await promises.lookup("full.example", { family: "IPv6", all: true }), [six]);
    deepStrictEqual(await promises.lookup("full.example", { all: true, order: "ipv6first" }), [six, four, { address: "192.0.2.2", family: 4 }]);
    deepStrictEqual(await promises.lookup("four.example", { all: true }), [{ address: "192.0.2.4", family: 4 }]);
    deepStrictEqual(await promises.lookup("192.0.2.9"), { address: "192.0.2.9", family: 4 });
    deepStrictEqual(await promises.lookup("::9", { all: true }), [{ address: "::9", family: 6 }]);
    deepStrictEqual(await promises.lookup(""), { address: null, family: 4 });
    await rejects(promises.lookup("none.example"), failed("ENOTFOUND", "queryA", "none.example"));
    await rejects(promises.lookup("four.example", 6), failed("ENOTFOUND", "queryAAAA", "four.example"));
    for (const bad of [5, "x", { family: 5 }, { order: "x" }, { all: 1 }]) throws(() => promises.lookup("a", bad), TypeError);
    throws(() => promises.lookup("a", { hints: 1 }), { code: "ERR_OPTION_NOT_IMPLEMENTED" });
    const told = (...args) => new Promise((resolve) => dns.lookup(...args, (...told) => resolve(told)));
    deepStrictEqual(await told("full.example"), [null, "192.0.2.1", 4]);
    deepStrictEqual(await told("192.0.2.9", { all: true }), [null, [{ address: "192.0.2.9", family: 4 }]]);
    strictEqual((await told("none.example"))[0].code, "ENOTFOUND");
    dns.setDefaultResultOrder("ipv6first");
    deepStrictEqual(await promises.lookup("full.example"), six);
    dns.setDefaultResultOrder("verbatim");
    throws(() => dns.setDefaultResultOrder("x"), { code: "ERR_INVALID_ARG_VALUE" });
  },
};
