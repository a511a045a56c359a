// The workers of cold starts: the first is asked from outside, and asks the numbered ones.
export default {
  fetch(request, env) {
    const number = new URL(request.url).searchParams.get("n");
    return number === null ? new Response("Hello World\n") : env[`WORKER_${number}`].fetch("http://worker/");
  },
};
