import type { Context } from "hono";
import type { z } from "zod";
import { ArtifactProblem } from "./artifact-shelf.ts";

/** The message of a Twirp request; https://twitchtv.github.io/twirp/docs/spec_v7.html allows both ways to write a name. */
export async function twirpBody<T>(context: Context, schema: z.ZodType<T>): Promise<T> {
  const body: unknown = await context.req.json().catch(() => undefined);
  const fields = Object.entries(typeof body === "object" && body !== null ? body : {});
  const snakeCase = fields.map(([key, value]) => [
    key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    value,
  ]);
  const read = schema.safeParse(Object.fromEntries(snakeCase));
  if (!read.success)
    throw new ArtifactProblem(`The request is not valid: ${read.error.issues[0]?.message}`, 400);
  return read.data;
}
