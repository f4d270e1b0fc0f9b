import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { z } from "zod";
import { defineOptions, type OptionValues, optionNumber, optionText } from "../shared/config/options.ts";

/** The options of `tanvrit-compute server`; the keys of its config file are `fileKey`s. */
export const serverOptions = defineOptions({
  host: {
    kind: "value",
    placeholder: "ADDRESS",
    env: "TANVRIT_HOST",
    fileKey: "host",
    schema: optionText.min(1).default("127.0.0.1"),
    defaultText: "127.0.0.1",
    help: "Address to listen on; 0.0.0.0 for every network the machine is in",
  },
  port: {
    kind: "value",
    placeholder: "PORT",
    env: "TANVRIT_PORT",
    fileKey: "port",
    schema: optionNumber({ min: 0, max: 65_535, integer: true }).default(7070),
    defaultText: "7070",
    help: "Port to listen on; 0 for any free one",
  },
  "data-dir": {
    kind: "value",
    placeholder: "DIR",
    env: "TANVRIT_DATA_DIR",
    fileKey: "dataDir",
    schema: optionText.min(1).optional(),
    defaultText: "$TANVRIT_HOME/server",
    help: "Where the server keeps its data; one server per directory",
  },
});

export interface ServerSettings {
  host: string;
  port: number;
  /** Absolute. */
  dataDir: string;
}

export function serverSettings(
  values: OptionValues<typeof serverOptions>,
  env: Readonly<Record<string, string | undefined>>,
): ServerSettings {
  const home = env.TANVRIT_HOME || join(homedir(), ".tanvrit");
  return {
    host: values.host,
    port: values.port,
    dataDir: resolve(values["data-dir"] ?? join(home, "server")),
  };
}

/** The config file of `--config`: the same settings under their file keys, nothing else. */
export const serverFile = z.strictObject({
  host: z.string().optional(),
  port: z.int().optional(),
  dataDir: z.string().optional(),
});
