import { z } from "zod";
import { pathProblem } from "./path.ts";

/** A path below the directory of a tree or job: `src/main.c`. */
export const filePath = () =>
  z.string().superRefine((path, context) => {
    const problem = pathProblem(path);
    if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
  });

/** Like `filePath`, and `.` is the directory itself. A person may write `./src/`, which becomes `src`. */
export const placePath = () =>
  z
    .string()
    .transform((path) => path.replace(/^(\.\/+)+/, "").replace(/(?<=[^/])\/+$/, "") || ".")
    .superRefine((path, context) => {
      const problem = path === "." ? undefined : pathProblem(path);
      if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
    });
