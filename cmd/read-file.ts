import { isUtf8 } from "node:buffer";
import { limits } from "../shared/limits.ts";
import { CliError } from "./failure.ts";

/** The name of a file as messages say it; `-` is standard input. */
export function fileName(file: string): string {
  return file === "-" ? "<stdin>" : file;
}

/** The text of a file that a person names. Throws CliError `not_found` or `bad_data`. */
export async function readTextFile(file: string): Promise<string> {
  const bytes = await readBounded(file);
  if (!isUtf8(bytes)) throw new CliError("bad_data", `${fileName(file)} is not UTF-8 text`);
  return bytes.toString("utf8");
}

async function readBounded(file: string): Promise<Buffer> {
  const source = file === "-" ? Bun.stdin : Bun.file(file);
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of source.stream()) {
      size += chunk.byteLength;
      if (size > limits.maxBodyBytes) break;
      chunks.push(chunk);
    }
  } catch (cause) {
    const { code, message } = cause as { code?: string; message: string };
    const isMissing = code === "ENOENT";
    const why = isMissing ? "there is no such file" : message;
    throw new CliError(isMissing ? "not_found" : "bad_data", `cannot read ${fileName(file)}: ${why}`, {
      cause,
    });
  }
  if (size <= limits.maxBodyBytes) return Buffer.concat(chunks);
  throw new CliError("bad_data", `${fileName(file)} is larger than ${limits.maxBodyBytes} bytes`);
}
