/* Who may import `workerd:rtti`. */
const { provide } = require("modules");

provide("workerd:rtti", "rtti/module", (flags) => flags.rttiApi);
