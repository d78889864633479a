const { createHash } = require("node:crypto");
const { stripTypeScriptTypes } = require("node:module");

/** What Node itself does to a TypeScript source: types become blanks, so lines and columns stay where they are. */
module.exports = {
  getCacheKey: (source, file, { instrument }) =>
    createHash("sha1")
      .update([process.version, file, String(instrument), source].join("\0"))
      .digest("hex"),
  process: (source, file) => ({ code: stripTypeScriptTypes(source, { mode: "strip", sourceUrl: file }) }),
};
