import { defineOptions, flagOption } from "../../shared/config/options.ts";
import { defineCommand } from "../command/command.ts";

export const command = defineCommand({
  options: defineOptions({
    openapi: flagOption("Print an OpenAPI 3.1 document, as JSON, instead of the page"),
  }),
  examples: [
    { line: "api", does: "How to use the API with curl, and every endpoint with an example" },
    { line: "api --openapi > openapi.json", does: "For generators of clients" },
  ],
  details: "The page is Markdown. Needs no server.",
  async run({ options, output }) {
    if (options.openapi) {
      const { openApi } = await import("./openapi.ts");
      await output.write(`${JSON.stringify(openApi(), null, 2)}\n`);
    } else {
      const { apiPage } = await import("./page.ts");
      await output.write(apiPage());
    }
    return 0;
  },
});
