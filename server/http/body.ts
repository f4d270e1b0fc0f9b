import type { z } from "zod";
import { readJson } from "../../shared/config/json.ts";
import { ComputeError } from "../../shared/errors.ts";
import { textOf } from "../../shared/text-of.ts";
import { checkJsonBounds } from "./json-bounds.ts";
import { invalidRequest } from "./problem.ts";

const MAX_SHOWN = 80;

/**
 * Parses the JSON body of a request; an empty body is `{}`. With a schema, rejects what JSON would silently lose: a
 * repeated key, and a number whose digits would change where `schema` expects text.
 * Throws `unsupported_media_type`, `invalid_json` or `invalid_request`.
 */
export function parseBody(bytes: Uint8Array, headers: Headers, schema?: z.ZodType): unknown {
  const text = decode(bytes);
  if (text.trim() === "") return {};
  const type = headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (type !== "application/json" && !type.endsWith("+json")) {
    throw new ComputeError(
      "unsupported_media_type",
      `The body has the content type ${type || "(none)"}. Send JSON with Content-Type: application/json.`,
    );
  }
  return parseText(text, schema);
}

/** Like `parseBody`, for a text that is known to be JSON. */
export function parseText(text: string, schema?: z.ZodType): unknown {
  checkJsonBounds(text);
  const { value, issues } = parse(text, schema);
  if (issues.length > 0)
    throw invalidRequest({ issues: issues.map((issue) => ({ code: "custom", ...issue })) });
  return value;
}

/** Throws `unsupported_media_type` for a compressed body, which the server does not support. */
export function refuseEncoding(headers: Headers): void {
  const encoding = headers.get("content-encoding")?.trim().toLowerCase() ?? "";
  if (encoding === "" || encoding === "identity") return;
  throw new ComputeError(
    "unsupported_media_type",
    `The body has the encoding ${JSON.stringify(encoding.slice(0, MAX_SHOWN))}. Send it uncompressed, without Content-Encoding.`,
  );
}

function parse(text: string, schema: z.ZodType | undefined): ReturnType<typeof readJson> {
  try {
    return schema ? readJson(text, schema) : { value: JSON.parse(text), issues: [] };
  } catch (error) {
    throw new ComputeError("invalid_json", textOf(error));
  }
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new ComputeError("invalid_json", "The body is not valid UTF-8.");
  }
}
