// Bundles src/ into ../page/, which is what the program ships and serves. Deterministic: same source, same bytes.
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import esbuild from "esbuild";

const page = new URL("../page/", import.meta.url).pathname;
mkdirSync(page, { recursive: true });
for (const name of ["index.html", "favicon.svg"]) copyFileSync(new URL(`src/${name}`, import.meta.url).pathname, page + name);

const preact = readFileSync(new URL("node_modules/preact/LICENSE", import.meta.url), "utf8");

const settings = {
  entryPoints: { app: "src/main.tsx" },
  outdir: page,
  bundle: true,
  minify: true,
  charset: "utf8",
  target: ["chrome109", "firefox110", "safari16"],
  jsx: "automatic",
  jsxImportSource: "preact",
  footer: { js: `/* Preact is in here.\n${preact}*/` },
  logLevel: "info",
};
if (process.argv.includes("--watch")) await (await esbuild.context(settings)).watch();
else {
  await esbuild.build(settings);
  writeFileSync("built.sha256", digest());
}

/** Of the source and of what was made of it: a test knows by it that a build was forgotten. */
function digest() {
  const sum = createHash("sha256");
  for (const folder of ["src", "../page"]) {
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
    for (const path of files.map((one) => `${one.parentPath}/${one.name}`).sort()) sum.update(`${path}\n`).update(readFileSync(path));
  }
  return `${sum.digest("hex")}\n`;
}
