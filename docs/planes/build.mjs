// Builds one page for each candidate; a page and its script are all that a browser opens.
import { copyFileSync, writeFileSync } from "node:fs";
import { build } from "vite";

const bokeh = "node_modules/@bokeh/bokehjs/build/js/bokeh.min.js";
for (const name of ["bokeh", "deck", "deck-icons", "regl", "atlas", "own"]) {
  await build({
    configFile: false,
    logLevel: "error",
    define: { "process.env.NODE_ENV": '"production"' },
    build: {
      target: "es2022",
      outDir: "built",
      emptyOutDir: false,
      // A classic script: browsers load no modules from file://.
      lib: { entry: `src/${name}.ts`, formats: ["iife"], name: "candidate", fileName: () => `${name}.js` },
      // Else embedding-atlas' tables and editors are in the script, too.
      rolldownOptions: { treeshake: { moduleSideEffects: name !== "atlas" } },
    },
  });
  const first = name === "bokeh" ? '<script src="bokeh.min.js"></script>' : "";
  writeFileSync(
    `built/${name}.html`,
    `<!doctype html><meta charset="utf-8"><title>${name}</title>
<style>body { margin: 0; display: flex; } .plane { width: 600px; height: 600px; position: relative; }</style>
<div class="plane"></div><div class="plane"></div>${first}<script src="${name}.js"></script>`,
  );
}
copyFileSync(bokeh, "built/bokeh.min.js");
