import books from "./books.json";

const fail = (status, error) => Response.json({ error }, { status });

async function check(request, settings) {
  let book;
  try {
    book = await request.json();
  } catch {
    return fail(400, "the body is not JSON");
  }
  if (typeof book.title !== "string" || book.title.length > settings.maxTitleLength) {
    return fail(422, "a book needs a title, and a short one");
  }
  return Response.json({ accepted: book.title }, { status: 202, headers: { location: "/books/3" } });
}

export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    const [, collection, id] = pathname.split("/");
    if (collection !== "books") return fail(404, "there are only /books");
    if (request.method === "POST") return check(request, env.SETTINGS);
    if (request.method !== "GET") {
      return new Response(null, { status: 405, headers: { allow: "GET, POST" } });
    }
    if (!id) {
      const since = Number(searchParams.get("since") ?? 0);
      return Response.json(books.filter((book) => book.year >= since));
    }
    const book = books.find((book) => book.id === Number(id));
    return book ? Response.json(book) : fail(404, `there is no book ${id}`);
  },
};
