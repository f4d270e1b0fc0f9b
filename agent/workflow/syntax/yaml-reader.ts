import { isString } from "@actions/workflow-parser";
import { StringToken } from "@actions/workflow-parser/templates/tokens/string-token";
import { YamlObjectReader } from "@actions/workflow-parser/workflows/yaml-object-reader";

/**
 * Reads YAML for the template reader, which would otherwise take the expressions of a block scalar from its source text,
 * with the indentation of the file. A script of Python or a heredoc would get spaces that are not its own.
 */
export class YamlReader extends YamlObjectReader {
  override allowLiteral(): ReturnType<YamlObjectReader["allowLiteral"]> {
    const token = super.allowLiteral();
    if (token === undefined || !isString(token) || token.range?.start.line === token.range?.end.line)
      return token;
    return new StringToken(
      token.file,
      token.range,
      token.value,
      undefined,
      undefined,
      token.blockScalarHeader,
    );
  }
}
