/** Runs the scenario in a runtime without pages: `run-scenario.mjs SDK URL TOKEN NOWHERE`. Prints what happened. */
import { useEverything } from "./scenario.mjs";

const args = globalThis.Deno ? globalThis.Deno.args : process.argv.slice(2);
const [path, url, token, nowhere] = args;
console.log(JSON.stringify(await useEverything(await import(path), { url, token, nowhere })));
