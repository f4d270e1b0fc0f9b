import type { z } from "zod";
import { readJson } from "../../shared/config/json.ts";
import { ComputeError } from "../../shared/errors.ts";
import { limits } from "../../shared/limits.ts";
import { invalidRequest } from "./problem.ts";

const MIB = 1024 * 1024;

/**
 * The JSON body of a request; an empty body is `{}`. Reads no more than `maxBodyBytes`, whatever the client announces
 * or sends. With a schema, what JSON would lose in silence is refused: a repeated key, and a number whose characters
 * would change where `schema` takes a text.
 * Throws `payload_too_large`, `unsupported_media_type`, `invalid_json` or `invalid_request`.
 */
export async function readBody(request: Request, schema?: z.ZodType): Promise<unknown> {
  if (Number(request.headers.get("content-length") ?? 0) > limits.maxBodyBytes) throw tooLarge();
  const text = decode(await readBytes(request));
  if (text.trim() === "") return {};
  const type = request.headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (type !== "application/json" && !type.endsWith("+json")) {
    throw new ComputeError(
      "unsupported_media_type",
      `The body has the content type ${type || "(none)"}. Send JSON with Content-Type: application/json.`,
    );
  }
  const { value, issues } = parse(text, schema);
  if (issues.length > 0)
    throw invalidRequest({ issues: issues.map((issue) => ({ code: "custom", ...issue })) });
  return value;
}

function parse(text: string, schema: z.ZodType | undefined): ReturnType<typeof readJson> {
  try {
    return schema ? readJson(text, schema) : { value: JSON.parse(text), issues: [] };
  } catch (error) {
    throw new ComputeError("invalid_json", error instanceof Error ? error.message : String(error));
  }
}

async function readBytes(request: Request): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    // With a length within the limit the body cannot be longer: the fast path.
    if (request.headers.has("content-length")) return await request.bytes();
    for await (const chunk of (request.body ?? []) as AsyncIterable<Uint8Array>) {
      bytes += chunk.byteLength;
      if (bytes > limits.maxBodyBytes) break;
      chunks.push(chunk);
    }
  } catch (cause) {
    // Nobody is left to read this; it is no failure of the server.
    throw new ComputeError("invalid_request", "The body broke off before its end.", { cause });
  }
  if (bytes > limits.maxBodyBytes) throw tooLarge();
  return Buffer.concat(chunks);
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new ComputeError("invalid_json", "The body is not valid UTF-8.");
  }
}

function tooLarge(): ComputeError {
  return new ComputeError("payload_too_large", `The body is larger than ${limits.maxBodyBytes / MIB} MiB.`);
}
