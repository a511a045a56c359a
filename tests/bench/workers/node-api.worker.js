// The worker of the workloads that use modules of Node.
import { routes } from "./node-api.js";
import { handlerOf } from "./web.js";

export default { fetch: handlerOf(routes) };
