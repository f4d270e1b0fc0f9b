#!/usr/bin/env bun
import { isVersionCall, versionLine } from "./version.ts";

const words = process.argv.slice(2);
process.exit((await saidVersion()) ? 0 : await (await import("./program.ts")).runProgram(words));

/** Installers and scripts ask for the version all the time, so nothing else is loaded for it. */
async function saidVersion(): Promise<boolean> {
  if (!isVersionCall(words)) return false;
  try {
    await Bun.write(Bun.stdout, `${versionLine}\n`);
    return true;
  } catch {
    // The program tries again, and knows what an output that cannot be written means.
    return false;
  }
}
