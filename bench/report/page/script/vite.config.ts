import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { resolve } from "node:path";
import { defineConfig } from "vite";

// What the script is built from; tests/test_page_script.py computes the same, without Node.
function sources(): string {
  const hash = createHash("sha256");
  const modules = readdirSync("src").filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"));
  for (const file of ["package-lock.json", ...modules.sort().map((name) => `src/${name}`)]) {
    hash.update(readFileSync(file));
  }
  return hash.digest("hex");
}

export default defineConfig({
  build: {
    target: "es2022",
    outDir: resolve("../parts"),
    emptyOutDir: false,
    // A classic script: browsers load no modules from file://.
    lib: { entry: "src/main.ts", formats: ["iife"], name: "latentgridPage", fileName: () => "page.js" },
    rolldownOptions: {
      // The libraries' licenses ask for their names: BSD-3-Clause, MIT, ISC.
      output: {
        postBanner: `/*! Built by \`make page\` from bench/report/page/script: do not edit. Sources ${sources()}.
Includes lit-html (Copyright Google LLC, BSD-3-Clause), @preact/signals-core (Copyright Preact Team, MIT),
d3 (Copyright Mike Bostock, ISC) and Observable Plot (Copyright Observable, Inc., ISC). */`,
      },
    },
  },
});
