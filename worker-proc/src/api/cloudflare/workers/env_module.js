/* The module `cloudflare-internal:env`. */
const { currentEnv, currentExports, module: workers } = require("cloudflare:workers");

const { withEnv, withExports, withEnvAndExports } = workers;

exports.default = {
  getCurrentEnv: currentEnv,
  getCurrentExports: currentExports,
  withEnv,
  withExports,
  withEnvAndExports,
};
